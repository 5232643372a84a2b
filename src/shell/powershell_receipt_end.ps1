$receipt = [System.IO.Path]::Combine((receipt_folder), $id)
# The process of a step that is over serves others.
if ([System.IO.File]::Exists([System.IO.Path]::Combine($receipt, 'code')) -or -not (receipt_runs)) { return }
$first = Get-Process -Id ([int][System.IO.File]::ReadAllText([System.IO.Path]::Combine($receipt, 'process')).Split(' ')[0])
$all = @(Get-CimInstance -ClassName Win32_Process)
$ending = New-Object -TypeName System.Collections.ArrayList
$null = $ending.Add($first.Id)
for ($at = 0; $at -lt $ending.Count; $at++) {
    foreach ($child in $all) {
        $isBelow = $child.ParentProcessId -eq $ending[$at] -and $child.CreationDate -ge $first.StartTime
        if ($isBelow -and -not $ending.Contains([int]$child.ProcessId)) { $null = $ending.Add([int]$child.ProcessId) }
    }
}
# The step's own first: it would start others.
foreach ($each in $ending) { Stop-Process -Id $each -Force -ErrorAction SilentlyContinue }
Wait-Process -Id $first.Id -Timeout 2 -ErrorAction SilentlyContinue
if (receipt_runs) { out alive $true }
