# Lines of a log with a text in them: `at OFFSET` says how far it has come, `line BEGIN LENGTH` what was found, and
# `end STATUS` is grep(1)'s.
# Arguments: the file, how many lines at most, then the texts.
# Standard error is grep's. When its output is closed, or it is killed itself, grep ends, too, also where it finds nothing.
file=$1
most=$2
shift 2
for text; do
    set -- "$@" -e "$text"
    shift
done
# A line longer than this would have to fit into the host's memory: we read such a log ourselves.
# shellcheck disable=SC3045 # a shell that knows no such limit goes without
ulimit -v 524288 2>/dev/null
LC_ALL=C
export LC_ALL
exec 3>&1
{
    sh -c '
        outer=$1
        file=$2
        shift 2
        # $$ is also in the background the shell that becomes grep.
        {
            trap : PIPE
            while sleep 1 3>&- && kill -0 $$; do
                while read -r key value; do
                    if [ "$key" = pos: ]; then break; fi
                done </proc/$$/fdinfo/0
                if ! kill -0 "$outer" || ! printf "at %s\n" "${value:-0}" >&3; then kill $$; fi
            done
        } </dev/null >/dev/null 2>&1 &
        echo "watcher $!"
        exec grep -a -b -F -i --line-buffered "$@" <"$file" 3>&-
    ' sh $$ "$file" -m "$most" "$@"
    echo "end $?"
} | awk '/^watcher / { watcher = $2 + 0; next }
    /^end / { print; exit }
    { at = index($0, ":"); printf "line %s %d\n", substr($0, 1, at - 1), length($0) - at; fflush() }
    END { if (watcher) system("kill " watcher " 2>/dev/null") }'
