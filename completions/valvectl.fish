# SPDX-License-Identifier: MIT
# Completion of valvectl for fish, with the names of files that the server has.

function __valvectl_names
    set -l server -t 2s
    set -l words (commandline -opc)
    for i in (seq 2 (count $words))
        switch $words[$i]
            case -H --host --ca --cert --key --server-name
                set -a server $words[$i] $words[(math $i + 1)]
            case --tls '--host=*' '--ca=*' '--cert=*' '--key=*' '--server-name=*'
                set -a server $words[$i]
        end
    end
    valvectl $server list -0 2>/dev/null | head -z -n 5000 | string split0
end

set -l commands list ls size get exists del rm ping status bench
set -l with_names size get exists del rm bench

complete -c valvectl -f
complete -c valvectl -s H -l host -x -a 'unix:/run/valve/valve.sock' -d 'Address of the server'
complete -c valvectl -s t -l timeout -x -d 'Give up when nothing moves for so long'
complete -c valvectl -l tls -d 'Speak TLS'
complete -c valvectl -l ca -r -F -d 'Who has to have signed the certificate of the server'
complete -c valvectl -l cert -r -F -d 'Own certificate'
complete -c valvectl -l key -r -F -d 'Its private key'
complete -c valvectl -l server-name -x -d 'Whom the certificate has to name'
complete -c valvectl -s h -l help -d 'Show help'
complete -c valvectl -s V -l version -d 'Show the version'

set -l none "not __fish_seen_subcommand_from $commands"
complete -c valvectl -n $none -a 'list ls' -d 'List all files'
complete -c valvectl -n $none -a size -d 'Lengths in bytes'
complete -c valvectl -n $none -a get -d 'Fetch files'
complete -c valvectl -n $none -a exists -d 'Yes or no'
complete -c valvectl -n $none -a 'del rm' -d 'Delete files'
complete -c valvectl -n $none -a ping -d 'Measure how soon the server answers'
complete -c valvectl -n $none -a status -d 'What the server does and has done'
complete -c valvectl -n $none -a bench -d 'Measure how much the server answers'

complete -c valvectl -n "__fish_seen_subcommand_from $with_names" -a '(__valvectl_names)'
complete -c valvectl -n "__fish_seen_subcommand_from $with_names list ls" -s 0 -l null -d 'Names end in NUL'
complete -c valvectl -n "__fish_seen_subcommand_from $with_names" -l files-from -r -F -d 'Read names from a file'
complete -c valvectl -n "__fish_seen_subcommand_from $with_names list ls status" -l json -d 'JSON'
complete -c valvectl -n '__fish_seen_subcommand_from list ls' -s l -l long -d 'Sizes and times too'
complete -c valvectl -n '__fish_seen_subcommand_from exists' -s q -l quiet -d 'Print nothing'
complete -c valvectl -n '__fish_seen_subcommand_from get' -s o -l output -r -F -d 'Into this file or directory'
complete -c valvectl -n '__fish_seen_subcommand_from get' -l no-sync -d 'Do not wait for the disk'
complete -c valvectl -n '__fish_seen_subcommand_from ping' -s c -l count -x -d 'How often'
complete -c valvectl -n '__fish_seen_subcommand_from ping status bench' -s i -l interval -x -d 'Time between'
complete -c valvectl -n '__fish_seen_subcommand_from bench' -s c -l connections -x -d 'So many connections'
complete -c valvectl -n '__fish_seen_subcommand_from bench' -s d -l depth -x -d 'Requests in flight on each'
complete -c valvectl -n '__fish_seen_subcommand_from bench' -s n -l requests -x -d 'End after so many'
complete -c valvectl -n '__fish_seen_subcommand_from bench' -s r -l rate -x -d 'Requests a second'
complete -c valvectl -n '__fish_seen_subcommand_from bench' -l duration -x -d 'End after so long'
complete -c valvectl -n '__fish_seen_subcommand_from bench' -l warm-up -x -d 'Do not measure for so long'
complete -c valvectl -n '__fish_seen_subcommand_from bench' -l mix -x -d 'Calls'
