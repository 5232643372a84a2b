$system = Get-CimInstance -ClassName Win32_OperatingSystem
[string]$system.LastBootUpTime.ToUniversalTime().Ticks
