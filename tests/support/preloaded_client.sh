# Stands for a command that `preloaded.py` runs, in bash, which starts sooner than Python and can connect.

# answer PROGRAM COUNT always|like: end as the program did there; COUNT words of this command line are not the program's.
# Returns where this process is not like the server (`like`), which the server judges by /proc, or nobody answers.
answer() {
    local status=other self='' out=-1 err=-1 server=-1
    # Whoever is traced may have failures injected into its calls.
    [ "$3" = always ] || read -rd '' self </proc/self/status
    if [[ $3 != always && $self != *$'\nTracerPid:\t0\n'* ]]; then
        return
    fi
    # The server takes the copies: while the shell writes to it, its own output goes there.
    [ ! -e /proc/self/fd/1 ] || exec {out}>&1
    [ ! -e /proc/self/fd/2 ] || exec {err}>&2
    exec 2>/dev/null
    exec {server}<>/dev/tcp/127.0.0.1/PORT && echo "$$ $2 $1 $3 0 $out $err" >&$server && read -ru $server status
    case $status in
    -*) kill "$status" $$ ;;
    other) ;;
    *) exit "$status" ;;
    esac
    [ $server = -1 ] || exec {server}>&-
    [ $out = -1 ] || exec {out}>&-
    if [ $err = -1 ]; then exec 2>&-; else exec 2>&$err {err}>&-; fi
}
