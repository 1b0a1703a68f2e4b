rewritten=$(cat)
# Who does not read it is nobody's fault; Git may run hooks with SIGPIPE ignored.
rewritten() {
    echo "$rewritten" 2>/dev/null
}
if managed; then
    rewritten | run "$@"
fi
alone || rewritten | chain "$@"
