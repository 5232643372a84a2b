# What a lane of PowerShell does after it began: it reads steps, runs them, and says what they report. For Windows
# PowerShell 5.1 and PowerShell 7. Everything that it keeps is local to it: a body sees a module of its own and what is
# global.
param($stdin)
$utf8 = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
$stdout = [System.Console]::OpenStandardOutput()
$stderr = [System.Console]::OpenStandardError()
$mark = [string][char]0x1e
$invariant = [System.Globalization.CultureInfo]::InvariantCulture
$global:OutputEncoding = $utf8
# Without a console there is nothing to set. An encoding with a mark would put it before the input of a script.
try {
    [System.Console]::OutputEncoding = $utf8
    [System.Console]::InputEncoding = $utf8
} catch {
    $global:Error.Clear()
}
Add-Type -AssemblyName System.Runtime.Serialization
Add-Type -AssemblyName System.Xml

$readBytes = {
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
$readFrame = {
    $length = [System.BitConverter]::ToInt32((& $readBytes 4), 0)
    $utf8.GetString((& $readBytes $length))
}
# As XML, because ConvertFrom-Json makes dates of texts that look like dates.
$readJson = {
    param([string]$text)
    $quotas = [System.Xml.XmlDictionaryReaderQuotas]::Max
    $reader = [System.Runtime.Serialization.Json.JsonReaderWriterFactory]::CreateJsonReader($utf8.GetBytes($text), $quotas)
    $document = New-Object -TypeName System.Xml.XmlDocument
    $document.PreserveWhitespace = $true
    $document.Load($reader)
    , $document.DocumentElement
}
# A key that is no name of XML stands in an attribute.
$keyOf = {
    param($node)
    $key = $node.GetAttribute('item')
    if ($key -eq '') { $key = $node.LocalName }
    $key
}
$write = {
    param($stream, [string]$text)
    $bytes = $utf8.GetBytes($text)
    $stream.Write($bytes, 0, $bytes.Length)
    $stream.Flush()
}
$writeBoth = {
    param([string]$text)
    & $write $stdout $text
    & $write $stderr $text
}
$say = {
    param($item)
    if ($null -eq $item) { return }
    $stream = $stdout
    if ($item -is [System.Management.Automation.WarningRecord]) { $stream = $stderr }
    if ($item -is [System.Management.Automation.ErrorRecord]) { $stream = $stderr }
    if ($item -is [System.Management.Automation.InformationRecord]) { $item = [string]$item.MessageData }
    if ($item -is [System.Management.Automation.InformationalRecord]) { $item = $item.Message }
    if ($item -isnot [string]) { $item = (Out-String -InputObject $item -Width 4096).TrimEnd() }
    & $write $stream ($item + "`n")
}
$setVariables = {
    param($variables, $step)
    foreach ($variable in $step.SelectNodes('variables/item')) {
        $name = $variable.SelectSingleNode('name').InnerText
        $value = $variable.SelectSingleNode('value')
        switch ($variable.SelectSingleNode('kind').InnerText) {
            'text' { $variables.Set($name, $value.InnerText) }
            'bool' { $variables.Set($name, $value.InnerText -eq 'true') }
            'long' { $variables.Set($name, [System.Int64]::Parse($value.InnerText, $invariant)) }
            'double' { $variables.Set($name, [System.Double]::Parse($value.InnerText, $invariant)) }
            'list' {
                $items = New-Object -TypeName System.Collections.ArrayList
                foreach ($item in $value.SelectNodes('item')) { $null = $items.Add($item.InnerText) }
                $variables.Set($name, $items.ToArray())
            }
            'absent' { $variables.Set($name, $null) }
        }
    }
}

# Whole or not at all, and on the disk.
$put = {
    param([string]$path, [string]$text)
    $bytes = $utf8.GetBytes($text)
    $stream = [System.IO.File]::Create($path + '.new')
    try {
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Flush($true)
    } finally {
        $stream.Dispose()
    }
    [System.IO.File]::Move($path + '.new', $path)
}.GetNewClosure()
# What the host keeps of a step that must not be done twice; that there is one already is an error.
$beginReceipt = {
    param([string]$id)
    $local = [System.Environment]::GetFolderPath('LocalApplicationData')
    $folder = [System.IO.Path]::Combine($local, 'opsc', 'receipts', $id)
    $null = New-Item -Path $folder -ItemType Directory
    $self = [System.Diagnostics.Process]::GetCurrentProcess()
    $started = [string]$self.StartTime.ToUniversalTime().Ticks
    & $put ([System.IO.Path]::Combine($folder, 'process')) ([string]$self.Id + ' ' + $started)
    $folder
}

$begin = & $readJson (& $readFrame)

# A script of a step, in a process of its own: its streams are the step's, and what is left of the input is its own.
$only = $begin.SelectSingleNode('script')
if ($null -ne $only) {
    $step = & $readJson (& $readFrame)
    & $setVariables $ExecutionContext.SessionState.PSVariable $step
    foreach ($script in $step.SelectNodes('scripts/item')) {
        if ($script.SelectSingleNode('name').InnerText -eq $only.InnerText) { $text = $script.SelectSingleNode('text').InnerText }
    }
    try {
        & ([System.Management.Automation.ScriptBlock]::Create($text)) 3>&1 4>&1 5>&1 6>&1 | ForEach-Object -Process { & $say $_ }
    } catch {
        & $write $stderr ($_.Exception.Message + "`n")
        exit 1
    }
    exit 0
}

# A step of another user is the only one of its process, and where that begins is its folder.
$ofTask = $null
if ($null -ne $begin.SelectSingleNode('task')) {
    $ofTask = [System.Environment]::CurrentDirectory
    $token = [System.IO.Path]::GetFileName($ofTask)
    $ownFolder = [System.Environment]::GetFolderPath('UserProfile')
    if ($ownFolder -ne '') { Set-Location -LiteralPath $ownFolder }
} else {
    $token = $begin.SelectSingleNode('token').InnerText
}
$folder = [System.IO.Path]::Combine([System.IO.Path]::GetTempPath(), 'opsc-' + $token)
$runtime = $MyInvocation.MyCommand.ScriptBlock.ToString()
$bootstrap = [System.Environment]::GetCommandLineArgs() | Select-Object -Last 1
$location = Get-Location
$steps = New-Object -TypeName 'System.Collections.Concurrent.BlockingCollection[System.String]'
$state = [System.Collections.Hashtable]::Synchronized(@{ busy = $false; over = $false; task = $null; until = [System.DateTime]::MaxValue })

# Ends all that runs below this process, and it.
$endAll = {
    $endBelow = {
        param([int]$id, $since)
        foreach ($child in Get-CimInstance -ClassName Win32_Process -Filter ('ParentProcessId = ' + $id)) {
            if ($child.CreationDate -ge $since) {
                & $endBelow $child.ProcessId $since
                Stop-Process -Id $child.ProcessId -Force -ErrorAction SilentlyContinue
            }
        }
    }
    $self = [System.Diagnostics.Process]::GetCurrentProcess()
    try { & $endBelow $self.Id $self.StartTime } finally { $self.Kill() }
}
# Beside the steps: reads what comes, and ends all that runs where the input ends or a step is late.
$watch = {
    param($stdin, $steps, $state, $endAll)
    $ErrorActionPreference = 'Stop'
    $end = {
        if (-not $state.busy) {
            $steps.CompleteAdding()
            throw 'the end'
        }
        try {
            if ($null -ne $state.task) { & ([System.Management.Automation.ScriptBlock]::Create($state.leave)) $state.task }
        } finally {
            & ([System.Management.Automation.ScriptBlock]::Create($endAll))
        }
    }
    $readBytes = {
        param([int]$length)
        $bytes = New-Object -TypeName 'System.Byte[]' -ArgumentList $length
        $at = 0
        while ($at -lt $length) {
            $task = $stdin.ReadAsync($bytes, $at, $length - $at)
            while (-not $task.Wait(500)) {
                if ([System.DateTime]::UtcNow -gt $state.until) { & $end }
            }
            if ($task.Result -eq 0) { & $end }
            $at += $task.Result
        }
        , $bytes
    }
    try {
        while ($true) {
            $length = [System.BitConverter]::ToInt32((& $readBytes 4), 0)
            $text = [System.Text.Encoding]::UTF8.GetString((& $readBytes $length))
            $state.busy = $true
            $steps.Add($text)
        }
    } catch {
        # An input that cannot be read any more is one that ended.
        & $end
    }
}
# Beside the one step of a task: ends it where its lane has gone, or it is late.
$watchLane = {
    param($lane, $state, $endAll)
    while ([System.IO.File]::Exists($lane) -and [System.DateTime]::UtcNow -lt $state.until) {
        if ($state.over) { return }
        Start-Sleep -Milliseconds 200
    }
    & ([System.Management.Automation.ScriptBlock]::Create($endAll))
}
$watcher = [System.Management.Automation.PowerShell]::Create()
if ($null -ne $ofTask) {
    $steps.Add((& $readFrame))
    $steps.CompleteAdding()
    $null = $watcher.AddScript($watchLane.ToString()).AddArgument([System.IO.Path]::Combine($ofTask, 'lane'))
} else {
    $null = $watcher.AddScript($watch.ToString()).AddArgument($stdin).AddArgument($steps)
}
$null = $watcher.AddArgument($state).AddArgument($endAll.ToString())
$null = $watcher.BeginInvoke()

# What the body that does a step as another user has of the lane.
$lane = @{ stdout = $stdout; stderr = $stderr; state = $state; runtime = $runtime; bootstrap = $bootstrap }

$version = [string]$PSVersionTable.PSVersion.Major + '.' + [string]$PSVersionTable.PSVersion.Minor
$user = [System.Environment]::UserName -replace '\s', '_'
$hello = ' hello 1 Windows powershell-' + $version + ' ' + $user
if ($null -ne $ofTask) { $hello = ' begin' }
& $writeBoth ($mark + $token + $hello + "`n")

$bodies = @{}
foreach ($text in $steps.GetConsumingEnumerable()) {
    $step = & $readJson $text
    $fields = $step.SelectSingleNode('fields').InnerText
    $state.until = [System.DateTime]::UtcNow.AddSeconds(5 + [System.Double]::Parse($step.SelectSingleNode('deadline').InnerText, $invariant))
    foreach ($body in $step.SelectSingleNode('bodies').ChildNodes) { $bodies[(& $keyOf $body)] = $body.InnerText }
    $ended = @{ code = 0; failure = 1 }
    $kept = @{ folder = ''; fields = 0 }
    $before = @{}
    try {
        $module = New-Object -TypeName System.Management.Automation.PSModuleInfo -ArgumentList $true
        $variables = $module.SessionState.PSVariable
        $variables.Set('ErrorActionPreference', 'Stop')
        $variables.Set('ProgressPreference', 'SilentlyContinue')
        & $setVariables $variables $step
        if ($null -ne $step.SelectSingleNode('lane')) { $variables.Set('lane', $lane) }
        $define = {
            param($name, $block)
            & $module { param($name, $block) Set-Item -Path ('function:script:' + $name) -Value $block } $name $block
        }
        & $define 'out' {
            param([string]$name, $value)
            if ($null -eq $value) { return }
            if ($name -notmatch '^[A-Za-z0-9_.-]{1,128}$') { throw ('no field has the name ' + $name) }
            $texts = foreach ($item in $value) {
                if ($item -is [bool]) { ([string]$item).ToLowerInvariant() }
                elseif ($item -is [System.IFormattable]) { $item.ToString($null, $invariant) }
                else { [string]$item }
            }
            $text = [string]::Join("`n", @($texts))
            if ($kept.folder -ne '') {
                $kept.fields += 1
                & $put ([System.IO.Path]::Combine($kept.folder, 'f.' + $kept.fields)) ($name + "`n" + $text)
            }
            $bytes = $utf8.GetBytes($mark + $fields + ' out ' + $name + ' ' + $utf8.GetByteCount($text) + "`n" + $text + "`n")
            $stdout.Write($bytes, 0, $bytes.Length)
            $stdout.Flush()
        }.GetNewClosure()
        & $define 'code' { param([int]$code) $ended.code = $code }.GetNewClosure()
        foreach ($function in $step.SelectNodes('functions/item')) {
            $block = [System.Management.Automation.ScriptBlock]::Create($bodies[$function.SelectSingleNode('body').InnerText])
            & $define ($function.SelectSingleNode('name').InnerText) $block
        }
        foreach ($script in $step.SelectNodes('scripts/item')) {
            $name = $script.SelectSingleNode('name').InnerText
            $isThere = $script.SelectSingleNode('text').GetAttribute('type') -eq 'string'
            $variables.Set($name + '_set', $isThere)
            & $define $name {
                $global:LASTEXITCODE = 0
                if (-not $isThere) { return }
                $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
                $start.FileName = [System.Diagnostics.Process]::GetCurrentProcess().MainModule.FileName
                $start.Arguments = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ' + $bootstrap
                $start.UseShellExecute = $false
                $start.RedirectStandardInput = $true
                $start.WorkingDirectory = [System.Environment]::CurrentDirectory
                $process = [System.Diagnostics.Process]::Start($start)
                $pipe = $process.StandardInput.BaseStream
                $given = $step.SelectSingleNode('stdin')
                try {
                    foreach ($frame in @($runtime, ('{"script":"' + $name + '"}'), $text)) {
                        $bytes = $utf8.GetBytes($frame)
                        $pipe.Write([System.BitConverter]::GetBytes($bytes.Length), 0, 4)
                        $pipe.Write($bytes, 0, $bytes.Length)
                    }
                    if ($null -ne $given) {
                        $bytes = $utf8.GetBytes($given.InnerText)
                        $pipe.Write($bytes, 0, $bytes.Length)
                    }
                    $pipe.Dispose()
                } catch [System.IO.IOException] {
                    # A script need not read all of its input; its code says how it ended.
                    $global:Error.Clear()
                }
                $process.WaitForExit()
                $global:LASTEXITCODE = $process.ExitCode
            }.GetNewClosure()
        }
        foreach ($entry in $step.SelectSingleNode('env').ChildNodes) {
            $name = & $keyOf $entry
            $before[$name] = [System.Environment]::GetEnvironmentVariable($name)
            [System.Environment]::SetEnvironmentVariable($name, $entry.InnerText)
        }
        $cwd = $step.SelectSingleNode('cwd')
        if ($null -ne $cwd) { Set-Location -LiteralPath $cwd.InnerText }
        [System.Environment]::CurrentDirectory = (Get-Location -PSProvider FileSystem).ProviderPath
        $global:LASTEXITCODE = 0
        $receipt = $step.SelectSingleNode('receipt')
        if ($null -ne $receipt) {
            $ended.failure = 125
            $kept.folder = & $beginReceipt $receipt.InnerText
            $ended.failure = 1
        }
        $body = [System.Management.Automation.ScriptBlock]::Create($bodies[$step.SelectSingleNode('body').InnerText])
        & $module $body 3>&1 4>&1 5>&1 6>&1 | ForEach-Object -Process { & $say $_ }
    } catch {
        $ended.code = $ended.failure
        & $write $stderr ($_.Exception.Message + "`n")
    }
    if ($kept.folder -ne '') {
        try {
            & $put ([System.IO.Path]::Combine($kept.folder, 'code')) ([string]$ended.code)
        } catch {
            & $write $stderr ($_.Exception.Message + "`n")
        }
    }
    foreach ($name in $before.Keys) { [System.Environment]::SetEnvironmentVariable($name, $before[$name]) }
    Set-Location -LiteralPath $location.ProviderPath
    $global:Error.Clear()
    $state.until = [System.DateTime]::MaxValue
    $state.busy = $false
    if ($null -ne $ofTask) {
        & $put ([System.IO.Path]::Combine($ofTask, 'code')) ([string]$ended.code)
        $state.over = $true
        continue
    }
    $ending = $step.SelectSingleNode('end').InnerText + ' end ' + $step.SelectSingleNode('seq').InnerText + ' ' + $ended.code
    & $writeBoth ($mark + $ending + "`n")
}
if ([System.IO.Directory]::Exists($folder)) { Remove-Item -LiteralPath $folder -Recurse -Force -ErrorAction SilentlyContinue }
exit 0
