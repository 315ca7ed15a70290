"""Secrets in text are masked, and nothing else is."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress import masking
from pytest_mlregress.masking import learn_environment, learn_secrets, mask, names_a_secret


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_known", set())
    monkeypatch.setattr(masking, "_seen", {})


TOKENS = {
    "AWS": "AKIA" + "IOSFODNN7EXAMPLE",
    "AWS session": "ASIA" + "IOSFODNN7EXAMPLE",
    "GitHub": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "GitHub, fine-grained": "github_pat_" + "11ABCDEFG0aBcDeFgHiJkL_1234567890abcdef",
    "GitLab": "glpat-" + "aBcDeFgHiJkLmNoPqRsT",
    "Hugging Face": "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "OpenAI": "sk-" + "proj-aB3dEfGhIjKlMnOpQrStUvWx",
    "Slack": "xoxb-" + "123456789012-abcdefghij",
    "Google": "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "PyPI": "pypi-" + "AgEIcHlwaS5vcmcCJDEyMzQ1Njc4OTAxMjM0",
    "Stripe": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "W&B": "wandb_v1_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ",
    "JWT": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("text", ["{}", "token={}", "'{}',", "see https://host/{}/x", "a\n{}\nb"])
def test_tokens_are_known_by_their_shape(token: str, text: str) -> None:
    assert mask(text.format(token)) == text.format("***")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("s3://me:pw@host/a", "s3://***@host/a"),
        ("https://token@github.com/a/b", "https://***@github.com/a/b"),
        ("x://me:p@/?#w@host/a", "x://***@host/a"),
        ("https://h/a?b=1&X-Amz-Signature=0f&c=2", "https://h/a?b=1&X-Amz-Signature=***&c=2"),
        ("https://h/a?sig=a%2Fb&se=2026", "https://h/a?sig=***&se=2026"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("{'authorization': 'Basic YTpi'}", "{'authorization': 'Basic ***'}"),
        ("AccountName=a;AccountKey=Zm9v==;B=c", "AccountName=a;AccountKey=***;B=c"),
    ],
)
def test_only_the_secret_part_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "accuracy 0.9133 [0.91, 0.92], p = 0.0412",
        "revision 2a8d0bd52d3a9c36 of commit 4041c4722e0f4d6f0a9d7e1a8e5b3c2d1f0e9a8b",
        "pip install scikit-learn; sk-learn-compatible-estimators-and-friends",
        "tokens: 1024, max_tokens=2048, token 'the', key=value, password: see the wiki",
        "http://127.0.0.1:5000/#/experiments/1",
        "git@github.com:me/project.git, someone@example.org",
        "ask-me-anything-about-2026-and-more-things",
        "test_a.py::test_b[hf_small-1] hf_transfer",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("AWS_SECRET_ACCESS_KEY", True),
        ("HF_TOKEN", True),
        ("WANDB_API_KEY", True),
        ("MLFLOW_TRACKING_PASSWORD", True),
        ("DB_PASS", True),
        ("--api-token", True),
        ("dbPassword", True),
        ("GITHUBTOKEN", True),
        ("PWD", False),
        ("KEYBOARD", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("MONKEY", False),
        ("PASSES", False),
    ],
)
def test_names_say_whether_a_value_is_secret(name: str, secret: bool) -> None:
    assert names_a_secret(name) is secret


def test_values_of_secret_variables_are_masked_even_when_they_are_gone() -> None:
    learn_environment({"MY_TOKEN": "one-two-three", "HOME": "/home/me", "A_KEY": "short"})
    learn_environment({})

    assert mask("one-two-three at /home/me: short") == "*** at /home/me: short"


@pytest.mark.parametrize("value", ["12345678.5", "1e-1000000", "true", "seven77", "", "/usr/bin"])
def test_numbers_paths_and_short_words_are_no_secrets(value: str) -> None:
    learn_environment({"A_TOKEN": value})

    assert mask(f"<{value}>") == f"<{value}>"


@given(
    secret=st.text(string.ascii_letters + string.digits + "+/=_-", min_size=8).filter(
        lambda s: not masking._NOT_SECRET.fullmatch(s) and not masking._is_path(s)
    ),
    before=st.text(),
    after=st.text(),
)
def test_a_known_secret_is_nowhere(secret: str, before: str, after: str) -> None:
    masking._known.clear()
    learn_secrets([secret])

    masked = mask(before + secret + after)

    assert secret not in masked
    assert mask(masked) == masked
