$folder = [System.IO.Path]::Combine([System.IO.Path]::GetTempPath(), 'opsc-' + $token)
$path = [System.IO.Path]::Combine($folder, $name)
$part = $path + '.part'
$stream = [System.IO.File]::OpenRead($part)
try {
    $hash = [System.Security.Cryptography.SHA256]::Create().ComputeHash($stream)
} finally {
    $stream.Dispose()
}
$found = [System.BitConverter]::ToString($hash).Replace('-', '').ToLowerInvariant()
out sha256 $found
if ($found -eq $name) {
    [System.IO.File]::Delete($path)
    [System.IO.File]::Move($part, $path)
    out path $path
} else {
    [System.IO.File]::Delete($part)
}
