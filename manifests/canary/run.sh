# Begins the rollout, or goes on with it. The tag hosts want a token of the mesh's issuer, which is
# kept out of the Job.
token=$(cat /var/run/secrets/r1-canary/token) || exit 2
# exec: signals and the exit code are the program's own.
exec r1-canary run "$@" --header="Authorization: Bearer $token"
