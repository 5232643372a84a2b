# Follows an exported audit by the words of its schema alone, without a line of opsc: exit 0 and the last hash.
import hashlib, json, sys

previous = None
for line in sys.stdin:
    row = json.loads(line)
    if previous is not None and row["previous"] != previous:
        sys.exit(f"row {row['number']}: previous")
    run = "" if row["run"] is None else str(row["run"])
    details = json.dumps(row["details"], separators=(",", ":"), ensure_ascii=False)
    parts = ["opsc.audit.row/1", row["previous"], str(row["number"]), str(row["time"]), row["kind"], run]
    digest = hashlib.sha256()
    for part in parts + [row["user"], row["machine"], details]:
        text = part.encode()
        digest.update(len(text).to_bytes(8, "big") + text)
    if digest.hexdigest() != row["hash"]:
        sys.exit(f"row {row['number']}: hash")
    previous = row["hash"]
print(previous)
