$file = [System.IO.Path]::Combine($receipt, 'process')
if (-not [System.IO.File]::Exists($file)) { return $false }
$words = [System.IO.File]::ReadAllText($file).Split(' ')
$process = Get-Process -Id ([int]$words[0]) -ErrorAction SilentlyContinue
# Two processes may have one number, at different times.
($null -ne $process) -and ([string]$process.StartTime.ToUniversalTime().Ticks -eq $words[1])
