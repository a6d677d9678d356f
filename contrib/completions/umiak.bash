# bash completion for @PROGRAM@                                -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
# The program itself knows what may follow: this only asks it and hands the answer to readline.

_@PROGRAM@_complete() {
	local line=${COMP_LINE:0:COMP_POINT} words=() answer=() directive=0 current reply

	# Split at blanks only: bash itself also splits at ':' and '=', which are parts of our words.
	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	current=${words[-1]}

	mapfile -t answer < <("${words[0]}" __completeNoDesc "${words[@]:1}" 2>/dev/null)
	((${#answer[@]})) || return
	[[ ${answer[-1]} == :* ]] && directive=${answer[-1]#:} && unset 'answer[-1]'

	((directive & 1)) && return
	((directive & 2)) && compopt -o nospace
	((directive & 32)) && compopt -o nosort 2>/dev/null
	if ((directive & 16)); then
		mapfile -t COMPREPLY < <(compgen -d -- "${current#*=}")
		compopt -o filenames
		return
	fi
	if ((!${#answer[@]} && !(directive & 4))); then
		mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
		compopt -o filenames
		return
	fi

	# What readline already considers typed (up to the last ':' or '=') must not be given again.
	local typed=${current%"${current##*[:=]}"}
	[[ $current == -*=* ]] && typed=${typed#*=}
	[[ $COMP_WORDBREAKS == *:* || $current == -*=* ]] || typed=
	COMPREPLY=()
	for reply in "${answer[@]}"; do
		COMPREPLY+=("${reply#"$typed"}")
	done
}

complete -F _@PROGRAM@_complete @PROGRAM@
