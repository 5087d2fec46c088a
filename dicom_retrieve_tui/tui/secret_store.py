"""Typed passcodes and passphrases, kept in memory while the application runs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dicom_retrieve_tui.config.secrets import Question, unlocked
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.security import Secret


def _unjudged(_settings: RetrieveOptions) -> None:
    """Accept every file."""


class SecretStore:
    """Passcodes and passphrases. Safe from any thread."""

    def __init__(
        self,
        environ: Mapping[str, str] = MappingProxyType({}),
        check: Callable[[RetrieveOptions], object] = _unjudged,
    ) -> None:
        """Start without secrets.

        Args:
            environ: Environment variables, which may hold secrets, too.
            check: `wiring.check_tls`; raises `ConfigError`.
        """
        self._environ, self._check = environ, check
        self._known: dict[Question, Secret] = {}

    def question(self, settings: RetrieveOptions) -> Question | None:
        """Return the next secret to ask for; None if all are known.

        Raises:
            ConfigError: A file of TLS or of the passcode cannot be used.
        """
        questions: list[Question] = []

        def note(question: Question) -> Secret:
            known = self._known.get(question)
            if known is None:
                questions.append(question)
            return known or Secret("")

        settings = unlocked(settings, self._environ, note)
        if not any(_is_of_key(question) for question in questions):
            self._check(settings)
        return questions[0] if questions else None

    def keep(self, question: Question, secret: Secret) -> None:
        self._known[question] = secret

    def drop(self, question: Question) -> None:
        self._known.pop(question, None)

    def forget_typed(self, settings: RetrieveOptions) -> None:
        """Forget typed secrets of a PACS, because it has refused us."""
        for question in list(self._known):
            if question.peer == str(settings.peer):
                self.drop(question)

    def fill_in(self, settings: RetrieveOptions) -> RetrieveOptions:
        """Return the settings with their secrets.

        Raises:
            ConfigError: A secret is unknown, or a file cannot be used.
        """

        def answer(question: Question) -> Secret:
            known = self._known.get(question)
            if known is None:
                raise ConfigError(f"No {question.what} was entered. Press r to enter it.")
            return known

        return unlocked(settings, self._environ, answer)


def _is_of_key(question: Question) -> bool:
    """True for the passphrase of a key file, which the key itself proves."""
    return not question.peer
