# Completion of dicom-retrieve in bash. In ~/.bashrc:
#   eval "$(dicom-retrieve completion bash)"

_dicom_retrieve() {
    local line=${COMP_LINE:0:COMP_POINT} found
    local -a words=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    # bash takes what stands behind one of these for a word of its own.
    local word=${words[${#words[@]} - 1]}
    local head=${word%"${word##*[:=]}"}
    COMPREPLY=()
    while read -r found _; do
        case $found in
            :files) compopt -o default ;;
            :folders) compopt -o dirnames ;;
            *) COMPREPLY+=("${found#"$head"}") ;;
        esac
    done < <("${COMP_WORDS[0]/#\~/$HOME}" completion words "${words[@]:1}" 2>/dev/null)
}
complete -F _dicom_retrieve dicom-retrieve
