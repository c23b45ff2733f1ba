# SPDX-License-Identifier: MIT
# Completion of valvectl for bash, with the names of files that the server has.

# The words so far that say which server is meant, and as whom. The timeout keeps the shell alive.
_valvectl_server() {
    local i
    server=(-t 2s)
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -H | --host | --ca | --cert | --key | --server-name)
            server+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]//\\/}")
            ;;
        --tls | --host=* | --ca=* | --cert=* | --key=* | --server-name=*)
            server+=("${COMP_WORDS[i]}")
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
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command="" i
    local commands="list ls size get exists del rm ping status bench"
    local global="--host --timeout --tls --ca --cert --key --server-name --help --version"
    COMPREPLY=()

    case $before in
    --ca | --cert | --key | --files-from | -o | --output)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    -H | --host)
        mapfile -t COMPREPLY < <(compgen -W "unix:/run/valve/valve.sock 127.0.0.1:8258" -- "$word")
        return
        ;;
    -t | --timeout | -c | --count | --connections | -i | --interval | -d | --depth | -n | \
        --requests | -r | --rate | --duration | --warm-up | --mix | --server-name)
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -H | -t | --host | --timeout | --ca | --cert | --key | --server-name) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
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
}

complete -F _valvectl valvectl
