[ -n "$chained" ] || [ -f "$state/detour" ] || exit 0
