$key = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
$version = [System.Environment]::OSVersion.Version
$kind = [Microsoft.Win32.Registry]::GetValue($key, 'InstallationType', '')
$patch = [Microsoft.Win32.Registry]::GetValue($key, 'UBR', 0)
out os 'windows'
out hostname ([System.Environment]::MachineName)
out kernel ($version.ToString(3) + '.' + [string]$patch)
$arch = [System.Environment]::GetEnvironmentVariable('PROCESSOR_ARCHITECTURE')
switch ($arch) {
    'AMD64' { $arch = 'x86_64' }
    'ARM64' { $arch = 'aarch64' }
    'x86' { $arch = 'i686' }
}
out arch $arch
if ($kind -eq 'Client') { out distribution 'windows' } else { out distribution 'windows-server' }
out version ($version.ToString(3))
out os_family 'windows'
out cpus ([System.Environment]::ProcessorCount)
# Whoever may log in may still not be let to ask for these.
$memory = ''
$boot = ''
try {
    $memory = (Get-CimInstance -ClassName Win32_ComputerSystem).TotalPhysicalMemory
    $boot = (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('yyyyMMddTHHmmss')
} catch {
    Write-Warning -Message $_.Exception.Message
}
out memory $memory
out boot $boot
out init ''
$manager = ''
if ($null -ne (Get-Command -Name 'choco.exe' -CommandType Application -ErrorAction SilentlyContinue)) { $manager = 'chocolatey' }
out package_manager $manager
out firewall 'windows'
