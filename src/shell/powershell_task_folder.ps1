# A folder of administrators and the system, and of $sid where there is one; else everybody may look which there are.
param([string]$path, $sid)
$ours = @('S-1-5-32-544', 'S-1-5-18')
$rights = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
$rights.SetAccessRuleProtection($true, $false)
$given = @($ours | ForEach-Object -Process { , @($_, 'FullControl', 'ContainerInherit, ObjectInherit') })
if ($null -eq $sid) { $given += , @('S-1-1-0', 'ReadAndExecute', 'None') }
else { $given += , @($sid.Value, 'Modify', 'ContainerInherit, ObjectInherit') }
foreach ($each in $given) {
    $who = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $each[0]
    $rule = @($who, $each[1], $each[2], 'None', 'Allow')
    $rights.AddAccessRule((New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList $rule))
}
$rights.SetOwner((New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $ours[0]))
if ($PSVersionTable.PSVersion.Major -gt 5) {
    $null = [System.IO.FileSystemAclExtensions]::CreateDirectory($rights, $path)
} else {
    $null = [System.IO.Directory]::CreateDirectory($path, $rights)
}
# One that was there before is as it was.
if ([System.IO.File]::GetAttributes($path) -band [System.IO.FileAttributes]::ReparsePoint) { throw ($path + ' is a link') }
$owner = (Get-Acl -LiteralPath $path).GetOwner([System.Security.Principal.SecurityIdentifier]).Value
if ($ours -notcontains $owner) { throw ($path + ' is not of administrators') }
