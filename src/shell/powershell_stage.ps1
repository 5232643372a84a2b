$folder = [System.IO.Path]::Combine([System.IO.Path]::GetTempPath(), 'opsc-' + $token)
$null = [System.IO.Directory]::CreateDirectory($folder)
$part = [System.IO.Path]::Combine($folder, $name + '.part')
$bytes = [System.Convert]::FromBase64String($piece)
$stream = [System.IO.File]::Open($part, [System.IO.FileMode]::OpenOrCreate)
try {
    $stream.SetLength($at)
    $stream.Position = $at
    $stream.Write($bytes, 0, $bytes.Length)
} finally {
    $stream.Dispose()
}
