"""What `--help` says of each command beside its flags."""

from dicom_retrieve_tui.cli.parser_base import PROGRAM

RETRIEVE_USAGE = f"""{PROGRAM}
       {PROGRAM} (pacs://HOST[:PORT] | @PROFILE) [UID ...] [flags]
       {PROGRAM} find (pacs://HOST[:PORT] | @PROFILE) KEYS [flags]
       {PROGRAM} doctor (pacs://HOST[:PORT] | @PROFILE) [STUDY_UID] [flags]
       {PROGRAM} profiles [list | show | add | test | remove | path] [NAME]
       {PROGRAM} verify FOLDER [--deep] [--json]
       {PROGRAM} demo [--headless | --serve]
       {PROGRAM} help [COMMAND]
       {PROGRAM} completion (bash | zsh | fish)"""

RETRIEVE_DESCRIPTION = """\
Retrieve DICOM studies, series and instances from a PACS into a folder, by
C-GET or by C-MOVE, and prove that what came is complete. Without arguments,
at a terminal, it is an application with a screen of its own."""

RETRIEVE_EPILOG = f"""\
examples:
  save a PACS once, and retrieve a study from it by name from then on:
    {PROGRAM} profiles add hospital pacs://pacs.example:11112 \\
        --method c-get --output ~/dicom
    {PROGRAM} @hospital 1.2.840.113619.2.1
  one study, straight to us:
    {PROGRAM} pacs://pacs.example:11112 --method c-get \\
        --study-uid 1.2.840.113619.2.1 --output study/
  everything that the PACS has of a patient, from the last 30 days:
    {PROGRAM} find @hospital --patient-id 4711 --last 30d --uids |
        {PROGRAM} @hospital --uid-list -
  a list of studies by C-MOVE to ourselves, four associations at once:
    {PROGRAM} pacs://pacs.example:11112 --move-dest MY_SCP --listen 11112 \\
        --uid-list studies.txt --output studies/ --parallel 4
  would it work, and what to tell the administrator if not?
    {PROGRAM} doctor @hospital
  later, without the PACS: is everything still there, and whole?
    {PROGRAM} verify studies/
  no PACS at hand:
    {PROGRAM} demo

exit codes:
  0 everything asked for is complete, 1 anything else, 130 interrupted"""

FIND_DESCRIPTION = """\
List what a PACS has, by C-FIND: a table at a terminal, columns between tabs
where a program reads them. Texts may hold the wildcards * and ?."""

FIND_EPILOG = f"""\
examples:
  what was done today?
    {PROGRAM} find @hospital --date today
  all CT of a patient, by a part of the name:
    {PROGRAM} find @hospital --patient-name 'Doe, J*' --modality CT
  find, and retrieve what was found:
    {PROGRAM} find @hospital --accession A123 --uids |
        {PROGRAM} @hospital --uid-list -
  a year, from a PACS that lists 500 studies at most:
    {PROGRAM} find @hospital --date 2024 --split > studies.tsv
  the series of a study:
    {PROGRAM} find @hospital --study-uid 1.2.840.113619.2.1 --level series

exit codes:
  0 something matches, and all of it is listed; 1 nothing does, or the list may
  be incomplete, or anything else; 130 interrupted"""

DOCTOR_DESCRIPTION = """\
Look step by step whether a retrieval from a PACS would work, and say what to do
where it would not. With a study, one instance of it is retrieved, by each method
that the PACS offers, into a folder that is removed."""

DOCTOR_EPILOG = f"""\
examples:
    {PROGRAM} doctor @hospital
    {PROGRAM} doctor pacs://pacs.example:11112 --method c-get
    {PROGRAM} doctor pacs://pacs.example:11112 --called-aet ARCHIVE \\
        --aet MY_SCP --move-dest MY_SCP --listen 11112 1.2.840.113619.2.1

It ends with what to send to the administrator of the PACS.

exit codes:
  0 nothing was found because of which --method would not work, 1 something was,
  130 interrupted"""

PROFILES_DESCRIPTION = """\
What there is to know of a PACS, saved under a name: a flag wins over the
profile, the profile over [defaults] in the same file."""

PROFILES_EPILOG = f"""\
examples:
    {PROGRAM} profiles add hospital pacs://pacs.example:11112 \\
        --called-aet ARCHIVE --method c-get --output ~/dicom
    {PROGRAM} profiles test hospital
    {PROGRAM} profiles show hospital"""

DEMO_DESCRIPTION = """\
A small PACS with invented patients, on this machine only, to try everything against.
Without flags, at a terminal, the application opens on it."""

VERIFY_DESCRIPTION = """\
Look, without any PACS, whether every instance that was retrieved into FOLDER is
still there and whole. FOLDER is what --output named."""

VERIFY_EPILOG = """\
exit codes:
  0 every study is complete, and every file there and whole; 1 anything else"""

COMPLETION_DESCRIPTION = """\
Let the shell complete commands, flags, their values and the names of saved profiles.
This prints the script that does it."""

COMPLETION_EPILOG = f"""\
where it goes, once:
  bash, in ~/.bashrc:
    eval "$({PROGRAM} completion bash)"
  zsh, in ~/.zshrc, below compinit:
    eval "$({PROGRAM} completion zsh)"
  fish, in ~/.config/fish/config.fish:
    {PROGRAM} completion fish | source"""
