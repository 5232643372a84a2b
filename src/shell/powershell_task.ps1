# Does a step as another user. Without a password only the Task Scheduler can begin something for one, so the step is a
# task that is made for it alone: it reads a file, prints to two, and writes its code to a fourth. Their folder is open to
# administrators, the system and that user. What it prints is passed on as it comes.
$sidType = [System.Security.Principal.SecurityIdentifier]
$latin = [System.Text.Encoding]::GetEncoding(28591)

# These have one number on every Windows, and names that differ from language to language.
$services = @{
    'SYSTEM' = 'S-1-5-18'
    'LocalService' = 'S-1-5-19'; 'LOCAL SERVICE' = 'S-1-5-19'
    'NetworkService' = 'S-1-5-20'; 'NETWORK SERVICE' = 'S-1-5-20'
}
$name = $user -replace '^NT AUTHORITY\\', ''
if ($services.ContainsKey($name)) {
    $sid = New-Object -TypeName $sidType -ArgumentList $services[$name]
} else {
    try {
        $account = New-Object -TypeName System.Security.Principal.NTAccount -ArgumentList $user
        $sid = $account.Translate($sidType)
    } catch {
        throw ('there is no account ' + $user)
    }
}
# TASK_LOGON_SERVICE_ACCOUNT; for all others TASK_LOGON_S4U, which needs no password and gives no login elsewhere.
$logon = 2
if ($services.Values -contains $sid.Value) { $logon = 5 }

# %ProgramData% is open to everybody: who made the folder before us may change it.
$root = [System.IO.Path]::Combine([System.Environment]::GetFolderPath('CommonApplicationData'), 'opsc')
task_folder $root $null
foreach ($old in [System.IO.Directory]::GetDirectories($root)) {
    $age = [System.DateTime]::UtcNow - [System.IO.Directory]::GetLastWriteTimeUtc($old)
    $isUsed = [System.IO.File]::Exists([System.IO.Path]::Combine($old, 'lane'))
    if ($age.TotalDays -gt 1 -and -not $isUsed) {
        try { [System.IO.Directory]::Delete($old, $true) } catch { Write-Warning -Message $_.Exception.Message }
    }
}
$folder = [System.IO.Path]::Combine($root, $token)
if ([System.IO.Directory]::Exists($folder)) { throw ($folder + ' is there already') }
task_folder $folder $sid
$place = { param($file) [System.IO.Path]::Combine($folder, $file) }

$task = @{ name = 'opsc-' + $token; folder = $folder; lane = $null }
$lane.state.leave = (Get-Item -LiteralPath 'function:task_leave').ScriptBlock.ToString()
$lane.state.task = $task
try {
    # It goes with this process, however that ends, and then so does the step.
    $mode = [System.IO.FileMode]::CreateNew
    $open = @((& $place 'lane'), $mode, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None, 1)
    $open += [System.IO.FileOptions]::DeleteOnClose
    $task.lane = New-Object -TypeName System.IO.FileStream -ArgumentList $open
    $utf8 = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
    $file = [System.IO.File]::Open((& $place 'input'), $mode)
    try {
        foreach ($frame in @($lane.runtime, '{"task":true}', $step)) {
            $bytes = $utf8.GetBytes($frame)
            $file.Write([System.BitConverter]::GetBytes($bytes.Length), 0, 4)
            $file.Write($bytes, 0, $bytes.Length)
        }
    } finally {
        $file.Dispose()
    }

    $scheduler = New-Object -ComObject 'Schedule.Service'
    $scheduler.Connect()
    $definition = $scheduler.NewTask(0)
    $definition.RegistrationInfo.Description = 'A step of opsc. It goes by itself.'
    $definition.Principal.UserId = $sid.Value
    $definition.Principal.LogonType = $logon
    # TASK_RUNLEVEL_HIGHEST
    $definition.Principal.RunLevel = 1
    $settings = $definition.Settings
    $settings.AllowDemandStart = $true
    $settings.DisallowStartIfOnBatteries = $false
    $settings.StopIfGoingOnBatteries = $false
    # TASK_INSTANCES_IGNORE_NEW
    $settings.MultipleInstances = 2
    $settings.Hidden = $true
    # As a process has it that nobody started as a task; theirs is lower.
    $settings.Priority = 5
    $settings.ExecutionTimeLimit = 'PT' + ($deadline + 30) + 'S'
    # It never starts by itself, and is gone soon after its time whoever forgot it.
    $settings.DeleteExpiredTaskAfter = 'PT0S'
    $trigger = $definition.Triggers.Create(1)
    $trigger.StartBoundary = '2000-01-01T00:00:00Z'
    $until = [System.DateTime]::UtcNow.AddSeconds($deadline + 60)
    $trigger.EndBoundary = $until.ToString('yyyy-MM-ddTHH:mm:ssZ', [System.Globalization.CultureInfo]::InvariantCulture)
    $action = $definition.Actions.Create(0)
    $program = [System.Diagnostics.Process]::GetCurrentProcess().MainModule.FileName
    $action.Path = [System.IO.Path]::Combine([System.Environment]::SystemDirectory, 'cmd.exe')
    $words = '" -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ' + $lane.bootstrap
    $action.Arguments = '/d /s /c ""' + $program + $words + ' <input >stdout 2>stderr"'
    $action.WorkingDirectory = $folder
    # TASK_CREATE
    $made = $scheduler.GetFolder('\').RegisterTaskDefinition($task.name, $definition, 2, $sid.Value, $null, $logon)
    $null = $made.Run($null)

    $begin = [string][char]0x1e + $token + " begin`n"
    $ways = @(
        @{ file = (& $place 'stdout'); from = $null; to = $lane.stdout; begun = $false; before = '' },
        @{ file = (& $place 'stderr'); from = $null; to = $lane.stderr; begun = $false; before = '' }
    )
    $pass = {
        param($way)
        if ($null -eq $way.from) {
            if (-not [System.IO.File]::Exists($way.file)) { return }
            $share = [System.IO.FileShare]'ReadWrite, Delete'
            $way.from = [System.IO.File]::Open($way.file, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, $share)
        }
        $bytes = New-Object -TypeName 'System.Byte[]' -ArgumentList 65536
        # A step that prints without pause must not keep us from the other stream.
        for ($piece = 0; $piece -lt 64; $piece++) {
            $count = $way.from.Read($bytes, 0, $bytes.Length)
            if ($count -eq 0) { break }
            if ($way.begun) {
                $way.to.Write($bytes, 0, $count)
                continue
            }
            $way.before += $latin.GetString($bytes, 0, $count)
            $at = $way.before.IndexOf($begin, [System.StringComparison]::Ordinal)
            if ($at -ge 0) {
                $way.begun = $true
                $rest = $latin.GetBytes($way.before.Substring($at + $begin.Length))
                $way.to.Write($rest, 0, $rest.Length)
            }
        }
        $way.to.Flush()
        $count -gt 0
    }
    $patience = [System.DateTime]::UtcNow.AddSeconds(60)
    do {
        # TASK_STATE_QUEUED and TASK_STATE_RUNNING; for a moment after its start it may be neither.
        $runs = @(2, 4) -contains $made.State
        if (-not $runs -and -not $ways[0].begun -and $null -eq $ways[0].from) {
            $runs = [System.DateTime]::UtcNow -lt $patience
        }
        $more = (& $pass $ways[0]), (& $pass $ways[1])
        if ($more -notcontains $true) { Start-Sleep -Milliseconds 100 }
    } while ($runs -or $more -contains $true)

    $ended = & $place 'code'
    if ([System.IO.File]::Exists($ended)) {
        code ([int][System.IO.File]::ReadAllText($ended))
        return
    }
    $result = '0x{0:x8}' -f $made.LastTaskResult
    if (-not $ways[0].begun) {
        throw ('no step could be begun as ' + $user + ', ' + $result + ': ' + $ways[0].before + $ways[1].before)
    }
    # It began, and what it did nobody knows: that is as if the lane itself had ended.
    [System.Console]::Error.WriteLine('the task of ' + $user + ' ended without a word, ' + $result)
    task_leave $task
    [System.Environment]::Exit(1)
} finally {
    foreach ($way in $ways) {
        if ($null -ne $way.from) { $way.from.Dispose() }
    }
    task_leave $task
    $lane.state.task = $null
}
