# Snapshot, stage the pointers, run the other checks, and last of all open the one-shot detour where it is needed.
# A pointer that CPV has not seen, or a large file.
something_added() {
    added=$(git -c core.fsmonitor=false diff-index --cached --name-only --diff-filter=A HEAD 2>/dev/null)
    [ -n "$added" ] || return 1
    case $added in *.dvc* | *dvc.lock*) return 0 ;; esac
    old_ifs=$IFS
    IFS='
'
    set -f
    # shellcheck disable=SC2086 # one name a line, split on purpose
    large=$(for name in $added; do printf './%s\n' "$name"; done | while read -r name; do
        [ -n "$(find "$name" -prune -size +20479 -print 2>/dev/null)" ] && echo yes
    done)
    set +f
    IFS=$old_ifs
    [ -n "$large" ]
}
# With no other hook to wait for, one process does both.
last=
alone && last=--last
if managed; then
    # Left by a commit that another hook stopped.
    [ ! -f "$state/detour-wanted" ] || rm -f "$state/detour-wanted"
    if [ -f "$state/detour" ] || answered deferred || ! { answered asked || agreed; } || [ ! -f "$state/watch" ]; then
        run $last || exit
    else
        # shellcheck disable=SC1091 # CPV writes it
        unstaged=$(. "$state/watch" 2>/dev/null && cpv_unstaged) || unstaged=unknown
        if [ -n "$unstaged" ] || something_added; then
            run $last || exit
        fi
    fi
    # The Git process asks once more, as it reads the index again; what could not be settled must be met again.
    [ ! -f "$state/stamp" ] || note_answer asked
fi
chain "$@" || exit
if [ -f "$state/detour-wanted" ]; then
    run --open-detour
fi
