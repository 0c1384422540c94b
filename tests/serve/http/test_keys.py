"""Who may ask, and how often."""

import pytest

from serve.http.errors import Problem
from serve.http.keys import Keys, KeysError, authorise, key_of, make_key
from serve.http.rates import MOST, Rates


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.txt"


def test_a_key_lets_in_whom_its_line_names(file):
    (one, first), (other, second) = make_key("clinic", "the trial of May"), make_key("lab")
    file.write_text(f"# ours\n\n{first}\n  {second}  \n")
    keys = Keys(file)
    assert first.startswith("clinic ")
    assert first.endswith(" the trial of May")
    assert one not in file.read_text()
    assert (keys.whose(one), keys.whose(other)) == ("clinic", "lab")
    assert [keys.whose(wrong) for wrong in ("", one[:-1], one + " ", one.upper(), "ä", "\udcff")] == [None] * 6


def test_keys_are_withdrawn_while_the_server_runs(file):
    key, line = make_key("clinic")
    file.write_text(line + "\n")
    keys = Keys(file)
    assert keys.whose(key) == "clinic"
    file.write_text("# nobody any more\n")
    assert keys.whose(key) is None
    file.write_text("this is no key\n")
    assert keys.whose(key) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("clinic", "line 1"),
        ("clinic 1234", "line 1"),
        ("# one\nclinic " + "g" * 64, "line 2"),
        (f"a {'0' * 64}\na {'1' * 64}", "second time"),
        (f"anyone {'0' * 64}", "no key"),
    ],
)
def test_a_broken_file_is_a_sentence(file, text, word):
    file.write_text(text)
    with pytest.raises(KeysError, match=word):
        Keys(file)
    with pytest.raises(KeysError, match="cannot be read"):
        Keys(file.with_name("nothing"))


@pytest.mark.parametrize("name", ["", "a b", "../x", "anyone", "x" * 65, "ä"])
def test_a_name_is_a_word(name):
    with pytest.raises(KeysError, match="cannot name a key"):
        make_key(name)


def test_both_headers_bring_a_key(file):
    key, line = make_key("clinic")
    file.write_text(line)
    keys = Keys(file)
    for headers in ({"authorization": f"Bearer {key}"}, {"authorization": f"bearer  {key} "}, {"x-api-key": key}):
        assert authorise(keys, key_of(headers)) == "clinic"
    for headers in ({}, {"authorization": key}, {"authorization": f"Basic {key}"}, {"x-api-key": ""}):
        with pytest.raises(Problem, match="a key is needed"):
            authorise(keys, key_of(headers))
    assert authorise(None, None) == "anyone"


def test_what_is_open_and_what_is_not(file, start):
    key, line = make_key("clinic")
    file.write_text(line)
    with start(keys=str(file)) as server:
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert server.http.get(path).status_code == 200, path
        for path in ("/", "/page/nothing.js"):
            assert server.http.get(path).status_code in (200, 404), path
        for path in ("/v1/models", "/metrics", "/nothing", "/docs", "/redoc"):
            refused = server.http.get(path)
            assert refused.status_code == 401, path
            assert refused.headers["www-authenticate"].startswith("Bearer")
            assert refused.headers["content-type"] == "application/problem+json"
            assert server.http.get(path, headers={"X-API-Key": key}).status_code in (200, 404)
        security = server.http.get("/openapi.json").json()["security"]
        assert security == [{"bearer": []}, {"key": []}]


def test_rates_fill_up_again():
    now = [0.0]
    rates = Rates(3, lambda: now[0])
    assert [rates.take("a")["RateLimit-Remaining"] for _ in range(3)] == ["2", "1", "0"]
    with pytest.raises(Problem) as told:
        rates.take("a")
    assert told.value.headers["Retry-After"] == "20"
    assert rates.take("b")["RateLimit-Limit"] == "3"
    now[0] = 19.9
    with pytest.raises(Problem):
        rates.take("a")
    now[0] = 20.1
    assert rates.take("a")["RateLimit-Remaining"] == "0"
    now[0] = 1000
    assert rates.take("a")["RateLimit-Remaining"] == "2"


def test_rates_forget_the_oldest():
    rates = Rates(2)
    for number in range(MOST + 5):
        rates.take(str(number))
    assert len(rates._buckets) == MOST
    assert "0" not in rates._buckets


def test_rates_are_each_key_s_own(file, start):
    (one, first), (other, second) = make_key("one"), make_key("other")
    file.write_text(f"{first}\n{second}\n")
    with start(keys=str(file), rate=3) as server:
        asked = [server.http.get("/v1/models", headers={"X-API-Key": one}) for _ in range(4)]
        assert [answer.status_code for answer in asked] == [200, 200, 200, 429]
        assert asked[0].headers["ratelimit-limit"] == "3"
        assert asked[0].headers["ratelimit-policy"] == "3;w=60"
        assert int(asked[3].headers["retry-after"]) >= 1
        assert asked[3].json()["type"] == "urn:twofold:problem:rate"
        assert server.http.get("/v1/models", headers={"X-API-Key": other}).status_code == 200
        guesses = [server.http.get("/v1/models", headers={"X-API-Key": "guess"}) for _ in range(4)]
        assert [answer.status_code for answer in guesses] == [401, 401, 401, 429]
        assert server.http.get("/healthz").status_code == 200


class Counted(dict):
    """Counts how many of its lines are looked at."""

    seen = 0

    def items(self):
        for item in super().items():
            self.seen += 1
            yield item


def test_all_lines_are_compared_whoever_is_found(file):
    """The first key is found no sooner than the last, or than none."""
    made = [make_key(f"k{number}") for number in range(50)]
    file.write_text("\n".join(line for _, line in made))
    keys = Keys(file)
    for key, name in ((made[0][0], "k0"), (made[-1][0], "k49"), ("nobody's", None)):
        keys._names = Counted(keys._names)
        assert keys.whose(key) == name
        assert keys._names.seen == 50
