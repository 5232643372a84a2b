$local = [System.Environment]::GetFolderPath('LocalApplicationData')
if ($local -eq '') { throw 'this user has no folder for what programs keep' }
[System.IO.Path]::Combine($local, 'opsc', 'receipts')
