#compdef @PROGRAM@
# SPDX-License-Identifier: Apache-2.0
# zsh completion for @PROGRAM@: asks the program what may follow.

_@PROGRAM@() {
	local -a answer described plain
	local directive=0 line text

	answer=("${(@f)$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	(( $#answer )) || return 1
	if [[ $answer[-1] == :* ]]; then
		directive=${answer[-1]#:}
		answer[-1]=()
	fi
	(( directive & 1 )) && return 1

	local -a options
	(( directive & 2 )) && options+=(-S '')
	(( directive & 32 )) && options+=(-V @PROGRAM@)
	if (( directive & 16 )); then
		_path_files -/
		return
	fi
	for line in $answer; do
		[[ -n $line ]] || continue
		text=${line%%$'\t'*}
		if [[ $line == *$'\t'* ]]; then
			described+=("${text//:/\\:}:${line#*$'\t'}")
		else
			described+=("${text//:/\\:}")
		fi
	done
	if (( $#described )); then
		_describe -t completions completions described $options
		return
	fi
	(( directive & 4 )) || _files
}

if [[ $funcstack[1] == _@PROGRAM@ ]]; then
	_@PROGRAM@ "$@"
else
	compdef _@PROGRAM@ @PROGRAM@
fi
