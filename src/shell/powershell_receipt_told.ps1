foreach ($each in $receipts) {
    $receipt = [System.IO.Path]::Combine((receipt_folder), $each)
    if (-not [System.IO.File]::Exists([System.IO.Path]::Combine($receipt, 'code'))) { continue }
    [System.IO.File]::WriteAllText([System.IO.Path]::Combine($receipt, 'told'), '')
    foreach ($file in [System.IO.Directory]::GetFiles($receipt)) {
        if (@('code', 'told') -notcontains [System.IO.Path]::GetFileName($file)) { [System.IO.File]::Delete($file) }
    }
}
