# Runs in a mount namespace of its own: a small disk for the journal, full but for so many pages; then there is room.
# Arguments: the binary, pages that are left, the file to run. Writes codes and what was said into files.
set -u
opsc=$1 pages=$2 file=$3
mkdir -p .opsc
mount -t tmpfs -o size=3m,mode=700 none .opsc
"$opsc" exec -l w1 -y -- true >/dev/null 2>&1 || exit 9
fill() {
  dd if=/dev/zero of=.opsc/filler bs=4096 >/dev/null 2>&1
  truncate -s "-$(($1 * 4096))" .opsc/filler
}
fill "$pages"
"$opsc" run "$file" -y >said.out 2>said.err
echo $? >said.code
cat root/*.mark 2>/dev/null | wc -l >marks
"$opsc" runs >full.out 2>full.err
rm .opsc/filler
"$opsc" db backup full.sqlite >/dev/null 2>&1
"$opsc" runs >runs.out 2>&1
if grep -q '^ *2 ' runs.out; then
  grep -q '^ *2  done' runs.out || "$opsc" resume 2 -y >resume.out 2>resume.err
else
  "$opsc" run "$file" -y >resume.out 2>resume.err
fi
echo $? >resume.code
"$opsc" db check >check.out 2>&1
echo $? >check.code
"$opsc" show 2 >show.out 2>&1
