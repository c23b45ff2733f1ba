# SPDX-License-Identifier: MIT
# Completion of valvectl for bash, with the names of files that the server has.

# The words up to the cursor. What bash hands over is broken at COMP_WORDBREAKS, as addresses are at
# their colons; what no blank stands between is one word. It replaces the last piece only: `head` is
# what of the last word stands before that.
_valvectl_words() {
    local line=$COMP_LINE i piece
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if [[ $i -eq 0 || $line == [[:blank:]]* ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            words+=("$piece")
            head=
        else
            head=${words[-1]}
            words[-1]+=$piece
        fi
        line=${line#"$piece"}
    done
    # A break that ends the word is replaced by nothing: see __ltrim_colon_completions() of others.
    [[ $piece == [:=] ]] && head+=$piece
}

# The words so far that say which server is meant, and as whom. The timeout keeps the shell alive.
_valvectl_server() {
    local i
    server=(-t 2s)
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        -H | --host | --ca | --cert | --key | --server-name)
            server+=("${words[i]}" "${words[i + 1]//\\/}")
            ;;
        --tls | --host=* | --ca=* | --cert=* | --key=* | --server-name=*)
            server+=("${words[i]}")
            ;;
        esac
    done
}

# Names that begin with the word, no more than somebody would read.
_valvectl_names() {
    local name server word=$1
    _valvectl_server
    # A name is quoted as the shell would have it; of those with a line end none is offered.
    while IFS= read -r -d '' name; do
        [[ $name == "$word"* && $name != *$'\n'* ]] && COMPREPLY+=("$(printf %q "$name")")
    done < <(valvectl "${server[@]}" list -0 2>/dev/null | head -z -n 5000)
}

_valvectl() {
    local words head="" word before command="" i
    local commands="list ls size get exists del rm ping status bench"
    local global="--host --timeout --tls --ca --cert --key --server-name --help --version"
    COMPREPLY=()
    _valvectl_words
    word=${words[-1]} before=${words[-2]}

    case $before in
    --ca | --cert | --key | --files-from | -o | --output)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    -H | --host)
        mapfile -t COMPREPLY < <(compgen -W "unix:/run/valve/valve.sock 127.0.0.1:8258" -- "$word")
        COMPREPLY=("${COMPREPLY[@]#"$head"}")
        return
        ;;
    -t | --timeout | -c | --count | --connections | -i | --interval | -d | --depth | -n | \
        --requests | -r | --rate | --duration | --warm-up | --mix | --server-name)
        return
        ;;
    esac
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        -H | -t | --host | --timeout | --ca | --cert | --key | --server-name) ((i++)) ;;
        -*) ;;
        *)
            command=${words[i]}
            break
            ;;
        esac
    done
    if [[ $word == -* ]]; then
        case $command in
        list | ls) global+=" --long --null --json" ;;
        size | exists | del | rm) global+=" --null --json --files-from" ;;
        get) global+=" --null --json --files-from --output --no-sync" ;;
        ping) global+=" --count --interval" ;;
        status) global+=" --interval --json" ;;
        bench) global+=" --null --json --files-from --connections --depth --requests --rate
            --duration --warm-up --mix --interval" ;;
        esac
        [[ $command == exists ]] && global+=" --quiet"
        mapfile -t COMPREPLY < <(compgen -W "$global" -- "$word")
        return
    fi
    case $command in
    "") mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
    size | get | exists | del | rm | bench) _valvectl_names "$word" ;;
    esac
    COMPREPLY=("${COMPREPLY[@]#"$head"}")
}

complete -F _valvectl valvectl
