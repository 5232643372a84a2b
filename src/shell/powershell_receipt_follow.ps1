$receipt = [System.IO.Path]::Combine((receipt_folder), $id)
$ended = [System.IO.Path]::Combine($receipt, 'code')
$gone = $false
while (-not [System.IO.File]::Exists($ended)) {
    if ($gone) {
        # It goes with its lane, so it was not the step that failed.
        out __ended $true
        code 137
        return
    }
    $gone = -not (receipt_runs)
    Start-Sleep -Milliseconds 200
}
$utf8 = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
for ($number = 1; $true; $number++) {
    $file = [System.IO.Path]::Combine($receipt, "f.$number")
    if (-not [System.IO.File]::Exists($file)) { break }
    # A name, and behind the end of its line the value.
    $text = $utf8.GetString([System.IO.File]::ReadAllBytes($file))
    $end = $text.IndexOf("`n")
    out ($text.Substring(0, $end)) ($text.Substring($end + 1))
}
code ([int][System.IO.File]::ReadAllText($ended))
