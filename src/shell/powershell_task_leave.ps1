# Ends what is left of a step that is a task, and takes the task and its folder away. A second time there is nothing to do.
param($task)
# The step goes when this file does.
if ($null -ne $task.lane) { $task.lane.Dispose() }
try {
    $scheduler = New-Object -ComObject 'Schedule.Service'
    $scheduler.Connect()
    $made = $scheduler.GetFolder('\').GetTask($task.name)
    for ($look = 0; $look -lt 30; $look++) {
        if ($made.State -ne 4) { break }
        Start-Sleep -Milliseconds 100
    }
    if ($made.State -eq 4) { $made.Stop(0) }
    $scheduler.GetFolder('\').DeleteTask($task.name, 0)
} catch {
    # It was never made, or is gone.
    $global:Error.Clear()
}
for ($look = 0; $look -lt 10; $look++) {
    try {
        if ([System.IO.Directory]::Exists($task.folder)) { [System.IO.Directory]::Delete($task.folder, $true) }
        break
    } catch {
        # A process that was just ended may hold a file for a moment more; who comes next takes the rest away.
        $global:Error.Clear()
        Start-Sleep -Milliseconds 100
    }
}
