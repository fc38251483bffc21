"""A user's own CSV becomes clips, or an error that says which line and which column."""

import numpy as np
import pytest
import soundfile

from intone_lab.catalogue import OWN_LICENCE, CorpusError, corpus_named, in_order
from intone_lab.tables import gather, read_table

HEADER = "path,emotion,gender,speaker\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "day1/b.wav", "DC_a01.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.full(16_000, 0.1), 16_000)
    return tmp_path


def write(folder, text, name="mine.csv", encoding="utf-8"):
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def test_each_row_is_a_clip_of_a_corpus_of_its_own(folder):
    table = write(folder, HEADER + "a.wav,happy,female,Ann\nday1/b.wav,SAD,Male,Bob\n")
    first, second = read_table(table)
    assert (first.corpus, first.speaker, first.key) == ("mine", "mine/Ann", "mine/a.wav")
    assert (first.emotion, first.gender, first.sentence) == ("happy", "female", "a.wav")
    assert (second.emotion, second.gender, second.name) == ("sad", "male", "day1/b.wav")
    assert first.path.is_file()
    assert second.path.is_file()


def test_columns_come_in_any_order_with_others_among_them(folder):
    text = "Speaker, note ,corpus,gender,sentence,emotion,path\nAnn,x,calls,,s1,,a.wav\n"
    (clip,) = read_table(write(folder, text, encoding="utf-8-sig"))
    assert (clip.corpus, clip.speaker, clip.sentence) == ("calls", "calls/Ann", "s1")
    assert (clip.emotion, clip.gender) == (None, None)


def test_blank_lines_and_quoted_commas_are_read_as_spreadsheets_write_them(folder):
    (folder / "a, b.wav").write_bytes((folder / "a.wav").read_bytes())
    table = write(folder, HEADER + '\n"a, b.wav",calm,,Ann\n,,,\n')
    assert [clip.name for clip in read_table(table)] == ["a, b.wav"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav,anger,female,Ann", "line 2, column emotion: 'anger' is not one of neutral,"),
        ("a.wav,anger,female,Ann", "did you mean angry?"),
        ("a.wav,happy,f,Ann", "line 2, column gender: 'f' is not one of female, male"),
        ("a.wav,happy,female,", "line 2, column speaker: is empty"),
        (",happy,female,Ann", "line 2, column path: is empty"),
        ("c.wav,happy,female,Ann", "line 2, column path: no file c.wav"),
        ("day1,happy,female,Ann", "line 2, column path: no file day1"),
        (f"{'a' * 300},happy,female,Ann", "line 2, column path: no file aaa"),
        ("a.wav,happy,,Ann\n./a.wav,sad,,Ann", "line 3, column path: the same file as on line 2"),
        ("a.wav,happy,female", "line 2: 3 columns, where the header has 4"),
        ("a.wav,happy,female,Ann,x", "line 2: 5 columns"),
        ('a.wav,"happy,female,Ann', "is no CSV"),
        ("", "names no clip"),
    ],
)
def test_a_wrong_row_is_named_by_line_and_column(folder, row, message):
    table = write(folder, HEADER + row)
    with pytest.raises(CorpusError) as caught:
        read_table(table)
    assert message in str(caught.value)
    assert str(table) in str(caught.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,emotion,speaker", "line 1: no column gender"),
        ("path;emotion;gender;speaker", "separated by commas"),
        ("path,emotion,gender,speaker,Path", "column path is there twice"),
        ("", "there is nothing"),
    ],
)
def test_a_wrong_header_is_named(folder, header, message):
    with pytest.raises(CorpusError, match=message):
        read_table(write(folder, header + "\na.wav,happy,female,Ann\n"))


def test_many_wrong_rows_are_told_at_once_but_not_all(folder):
    rows = "".join(f"{number}.wav,happy,female,Ann\n" for number in range(13))
    with pytest.raises(CorpusError, match="and 3 more") as caught:
        read_table(write(folder, HEADER + rows))
    assert str(caught.value).count("\n") == 11


def test_what_is_no_text_or_not_there_is_an_error_in_words(folder):
    table = write(folder, HEADER + "a.wav,happy,female,Änne\n", encoding="latin-1")
    with pytest.raises(CorpusError, match="not UTF-8"):
        read_table(table)
    with pytest.raises(CorpusError, match=r"cannot read .*absent"):
        read_table(folder / "absent.csv")


def test_a_published_corpus_cannot_be_claimed(folder):
    table = write(folder, HEADER + "a.wav,happy,female,Ann\n", name="ravdess.csv")
    with pytest.raises(CorpusError, match="ravdess is a published corpus"):
        read_table(table)


def test_own_clips_stand_beside_published_ones_and_win_where_both_name_a_file(folder):
    table = write(folder, HEADER + "a.wav,happy,female,Ann\n")
    both = gather(folder, [table])
    assert [clip.key for clip in both.clips] == ["mine/a.wav", "savee/DC_a01"]
    assert [skipped.path.name for skipped in both.skipped] == ["b.wav"]
    relabelled = write(folder, HEADER + "DC_a01.wav,calm,male,DC\n", name="again.csv")
    with pytest.raises(CorpusError, match="no clips"):
        gather(folder / "day1", [relabelled])
    assert [c.key for c in gather(folder, [relabelled]).clips] == ["again/DC_a01.wav"]
    assert [c.key for c in gather(None, [table]).clips] == ["mine/a.wav"]


def test_a_file_under_two_names_is_one_file(folder):
    (folder / "link.wav").symlink_to(folder / "a.wav")
    for other in (folder / "a.wav", "link.wav"):
        table = write(folder, HEADER + f"a.wav,happy,female,Ann\n{other},happy,female,Eve\n")
        with pytest.raises(CorpusError, match="line 3, column path: the same file as on line 2"):
            read_table(table)
    first = write(folder, HEADER + "a.wav,happy,female,Ann\n", "first.csv")
    second = write(folder, HEADER + "link.wav,happy,female,Eve\n", "second.csv")
    with pytest.raises(CorpusError, match=r"2 tables name the file .*a\.wav"):
        gather(None, [first, second])


def test_tables_whose_clips_cannot_be_told_apart_are_refused(folder):
    row = HEADER + "a.wav,happy,female,Ann\n"
    table = write(folder, row)
    (folder / "day1" / "a.wav").write_bytes((folder / "a.wav").read_bytes())
    with pytest.raises(CorpusError, match="two tables are named mine"):
        gather(None, [table, write(folder / "day1", row)])
    named = "path,emotion,gender,speaker,corpus\na.wav,happy,female,Ann,calls\n"
    twice = [write(folder, named, "one.csv"), write(folder, named, "two.csv")]
    with pytest.raises(CorpusError, match=r"2 tables name a clip calls/a\.wav"):
        gather(None, twice)


def test_own_corpora_have_their_owners_terms_and_come_after_the_published():
    assert corpus_named("mine").licence == OWN_LICENCE
    assert corpus_named("ravdess").licence == "CC BY-NC-SA 4.0"
    order = ("ravdess", "emodb", "mine", "zoo")
    assert in_order(["zoo", "emodb", "mine", "ravdess", "zoo"]) == order


def test_a_name_is_one_person_in_all_corpora_of_a_table(folder):
    header = "path,emotion,gender,speaker,corpus\n"
    for name in ("b.wav", "c.wav", "day1/a.wav", "day2/a.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    one = write(
        folder, header + "a.wav,happy,female,Ann,phone\nb.wav,sad,female,Ann,studio\n", "one.csv"
    )
    two = write(
        folder, header + "day1/a.wav,sad,,Ann,studio\nday2/a.wav,sad,,Bob,other\n", "two.csv"
    )
    found = {clip.name: clip.speaker for clip in gather(None, [one, two]).clips}
    assert found == {
        "a.wav": "phone/Ann",
        "b.wav": "phone/Ann",
        "day1/a.wav": "phone/Ann",
        "day2/a.wav": "other/Bob",
    }
    # Two tables, no corpus of which is the other's: another Ann.
    apart = write(folder, HEADER + "c.wav,happy,,Ann\n", "apart.csv")
    assert {c.speaker for c in gather(None, [one, apart]).clips} == {"phone/Ann", "apart/Ann"}
