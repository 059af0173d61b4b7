# Runs the load tester on the arguments, and ends with its exit code. The report is the last line of
# the log: the volume is gone with the pod.
output=/results/run

r1-loadtest run "$@" --output="$output" &
tester=$!
# This shell is process 1, which a signal reaches only where it is asked for. The tester stops
# sending then and reports what it has measured.
trap 'kill -TERM "$tester"' TERM
wait "$tester"
code=$?
# The signal ended the waiting, not the tester.
while kill -0 "$tester" 2>/dev/null; do
  wait "$tester"
  code=$?
done
if [ -f "$output/report.json" ]; then
  cat "$output/report.json"
fi
exit "$code"
