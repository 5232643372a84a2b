$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
& {
    $stdin = [System.Console]::OpenStandardInput()
    $read = {
        param([int]$length)
        $bytes = New-Object -TypeName 'System.Byte[]' -ArgumentList $length
        $at = 0
        while ($at -lt $length) {
            $count = $stdin.Read($bytes, $at, $length - $at)
            if ($count -eq 0) { [System.Environment]::Exit(1) }
            $at += $count
        }
        , $bytes
    }
    $length = [System.BitConverter]::ToInt32((& $read 4), 0)
    $text = [System.Text.Encoding]::UTF8.GetString((& $read $length))
    & ([System.Management.Automation.ScriptBlock]::Create($text)) $stdin
}
