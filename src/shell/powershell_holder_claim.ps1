# A user who can keep no claim here is told so by no word of a holder.
try {
    $boot = receipt_boot
    $kept = [System.IO.Path]::GetDirectoryName((receipt_folder))
    $folder = [System.IO.Path]::Combine($kept, 'holders')
    $null = [System.IO.Directory]::CreateDirectory($folder)
    $own = [System.IO.Path]::Combine($folder, [string]$PID)
    $start = [string](Get-Process -Id $PID).StartTime.ToUniversalTime().Ticks
    [System.IO.File]::Delete("$own.held")
    foreach ($try in 0..20) {
        [System.IO.File]::WriteAllLines("$own.new", [string[]]@($boot, $start, $journal, $words))
        [System.IO.File]::Delete($own)
        [System.IO.File]::Move("$own.new", $own)
        $other = $null
        foreach ($file in [System.IO.Directory]::GetFiles($folder)) {
            $name = [System.IO.Path]::GetFileName($file)
            if (($file -eq $own) -or ($name -notmatch '^[0-9]+$')) { continue }
            try { $said = [System.IO.File]::ReadAllLines($file) } catch [System.IO.IOException] { continue }
            if ($said.Length -lt 4) { continue }
            $process = Get-Process -Id ([int]$name) -ErrorAction SilentlyContinue
            # Two processes may have one number, at different times.
            $lives = ($null -ne $process) -and ([string]$process.StartTime.ToUniversalTime().Ticks -eq $said[1])
            if (-not $lives) {
                [System.IO.File]::Delete($file)
                [System.IO.File]::Delete("$file.held")
            } elseif ($said[2] -cne $journal) {
                $other = $file
                break
            }
        }
        if ($null -eq $other) {
            [System.IO.File]::WriteAllText("$own.held", '')
            break
        }
        [System.IO.File]::Delete($own)
        if (($try -eq 20) -or [System.IO.File]::Exists("$other.held")) {
            out holder $said[3]
            out process $name
            break
        }
        # Two who came at once do not wait for the same time.
        Start-Sleep -Milliseconds (Get-Random -Minimum 10 -Maximum 90)
    }
} catch {
    Write-Warning -Message $_.Exception.Message
}
