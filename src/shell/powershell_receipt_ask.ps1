$folder = receipt_folder
$receipt = [System.IO.Path]::Combine($folder, $id)
$state = 'lost'
foreach ($look in 1..10) {
    if ([System.IO.File]::Exists([System.IO.Path]::Combine($receipt, 'told'))) { $state = 'told'; break }
    if ([System.IO.File]::Exists([System.IO.Path]::Combine($receipt, 'code'))) { $state = 'finished'; break }
    if (-not [System.IO.File]::Exists([System.IO.Path]::Combine($folder, '.kept'))) { break }
    if (-not [System.IO.Directory]::Exists($receipt)) { $state = 'absent'; break }
    if (receipt_runs) { $state = 'running'; break }
    # Between the two looks it may have ended, and right after its folder was made it has no process yet.
    Start-Sleep -Milliseconds 100
}
out state $state
out boot (receipt_boot)
