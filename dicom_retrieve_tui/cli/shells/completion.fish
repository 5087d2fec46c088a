# Completion of dicom-retrieve in fish. In ~/.config/fish/config.fish:
#   dicom-retrieve completion fish | source

function __dicom_retrieve_words
    set -l words (commandline --tokenize --current-process --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    set -l program (string replace --regex '^~' $HOME -- $words[1])
    for found in ($program completion words $words[2..-1] "$word" 2>/dev/null)
        switch $found
            case :files
                __fish_complete_path "$word"
            case :folders
                __fish_complete_directories "$word" ''
            case '*'
                string replace ' ' \t -- $found; or echo -- $found
        end
    end
end
complete --command dicom-retrieve --no-files --keep-order --arguments '(__dicom_retrieve_words)'
