# The first argument is 1 where Git changed the work tree too: reset --hard, stash, checkout. A path-limited stash does
# it through `git apply`, which says 0; `git commit -- PATH` says 1 and changes nothing.
words=
[ -r "/proc/$PPID/cmdline" ] && read -r words <"/proc/$PPID/cmdline"
case $words in
gitapply* | */gitapply*) changed_files=1 ;;
gitcommit*) changed_files=0 ;;
*sparse-checkout*) changed_files=goes ;; # folders outside of it go next, with all that Git ignores in them
*) changed_files=$1 ;;
esac
[ "$changed_files" = 1 ] || [ "$changed_files" = goes ] || [ -n "$chained" ] || exit 0
