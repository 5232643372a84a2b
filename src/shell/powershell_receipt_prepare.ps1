# A user who cannot have receipts here is told so by no word of the boot.
try {
    $boot = receipt_boot
    $folder = receipt_folder
    $null = [System.IO.Directory]::CreateDirectory($folder)
    if ([System.IO.File]::GetAttributes($folder) -band [System.IO.FileAttributes]::ReparsePoint) { throw "$folder is a link" }
    $user = [System.Security.Principal.WindowsIdentity]::GetCurrent().User
    $given = @($user, 'FullControl', 'ContainerInherit, ObjectInherit', 'None', 'Allow')
    $rights = Get-Acl -LiteralPath $folder
    $rights.SetAccessRuleProtection($true, $false)
    foreach ($rule in @($rights.GetAccessRules($true, $false, [System.Security.Principal.SecurityIdentifier]))) {
        $null = $rights.RemoveAccessRule($rule)
    }
    $rights.AddAccessRule((New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList $given))
    Set-Acl -LiteralPath $folder -AclObject $rights
    foreach ($old in [System.IO.Directory]::GetDirectories($folder)) {
        $age = [System.DateTime]::UtcNow - [System.IO.Directory]::GetLastWriteTimeUtc($old)
        if ($age.TotalDays -gt 14) { [System.IO.Directory]::Delete($old, $true) }
    }
    [System.IO.File]::WriteAllText([System.IO.Path]::Combine($folder, '.kept'), '')
    out boot $boot
} catch {
    Write-Warning -Message $_.Exception.Message
}
