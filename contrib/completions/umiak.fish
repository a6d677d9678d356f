# SPDX-License-Identifier: Apache-2.0
# fish completion for @PROGRAM@: asks the program what may follow.

function __@PROGRAM@_answer
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    set -l directive 0
    if string match -q ':*' -- $answer[-1]
        set directive (string sub -s 2 -- $answer[-1])
        set -e answer[-1]
    end
    test (math "bitand($directive, 1)") -ne 0; and return
    if test (math "bitand($directive, 16)") -ne 0
        __fish_complete_directories "$current"
        return
    end
    if test (count $answer) -eq 0
        test (math "bitand($directive, 4)") -eq 0; and __fish_complete_path "$current"
        return
    end
    printf '%s\n' $answer
end

complete -c @PROGRAM@ -e
complete -c @PROGRAM@ -f -a '(__@PROGRAM@_answer)'
