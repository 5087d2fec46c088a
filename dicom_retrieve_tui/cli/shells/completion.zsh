#compdef dicom-retrieve
# Completion of dicom-retrieve in zsh. In ~/.zshrc, below compinit:
#   eval "$(dicom-retrieve completion zsh)"

_dicom_retrieve() {
    local line
    local -a found described
    found=("${(@f)$(${~words[1]} completion words "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    case $found[1] in
        :files) _files ;;
        :folders) _files -/ ;;
        *)
            for line in $found; do
                described+=("${${line%% *}//:/\\:}:${${line#* }/#${line%% *}}")
            done
            _describe -V dicom-retrieve described
            ;;
    esac
}
compdef _dicom_retrieve dicom-retrieve
