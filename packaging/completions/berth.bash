# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of berth(1) for bash.

_berth_sessions() {
    berth --no-legend sessions 2>/dev/null | awk '{ print $1 }'
}

_berth() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' words='' i n=0
    local verbs='sql sessions queries queue history advise pools top status kill limit quota drain fit token doctor'
    local common='--json --no-legend --no-pager --help'

    # Bash makes three words of --format=csv.
    if [[ $current == '=' ]]; then
        current=''
    elif [[ $previous == '=' ]] && ((COMP_CWORD > 2)); then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == '=' ]]; then
            i=$((i + 1))
        elif [[ ${COMP_WORDS[i]} != -* ]]; then
            if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else n=$((n + 1)); fi
        fi
    done
    COMPREPLY=()
    case $verb in
        '') words="$verbs $common --version" ;;
        sql)
            case $previous in
                -f | --file | --data | --output | --executor)
                    mapfile -t COMPREPLY < <(compgen -f -- "$current")
                    return
                    ;;
                --format | --io | --profile)
                    words='box csv json arrow'
                    [[ $previous == --io ]] && words='ring pread'
                    [[ $previous == --profile ]] && words='interactive batch'
                    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
                    return
                    ;;
            esac
            words='--host= --profile= --performance --embedded --file= --format= --json --max-rows= --conf= --timing --no-progress --keep-going --data= --output= --memory= --spill-dir= --threads= --io= --executor= --quiet --help'
            if [[ $current != -* ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
            fi
            ;;
        sessions | kill)
            words=$common
            [[ $verb == kill ]] && words+=' --reason='
            ((n == 0)) && words+=" $(_berth_sessions)"
            ;;
        limit)
            words=$common
            if ((n == 0)); then words+=" $(_berth_sessions)"; elif ((n == 1)); then words+=' memory= memory=none'; fi
            ;;
        pools) words="$common --slots" ;;
        history | advise) words="$common --lines= --since= --failed" ;;
        top) words="$common --once --delay=" ;;
        *) words=$common ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}

complete -F _berth berth
