out version ([string]$PSVersionTable.PSVersion)
out system ([System.Environment]::OSVersion.VersionString)
