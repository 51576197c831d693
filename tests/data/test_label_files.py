"""Labels from tables beside the images."""

import json

import pytest

from dcgan.core.errors import UserError
from dcgan.data.label_files import read_label_file

NAMES = ["00000/img1.png", "00000/img2.png", "00001/img10.png"]
EXPECTED = ["cat", "dog", "cat"]


def labels(text, source, column=None, names=NAMES):
    found = read_label_file(text.encode(), source, column, names)
    return [None if label < 0 else found.names[label] for label in found.labels]


FORMS = {
    "l.csv": "file,label\nimg1.png,cat\nimg2.png,dog\nimg10.png,cat\n",
    "bom.csv": "\ufefffilename,class\r\nimg1.png,cat\r\nimg2.png,dog\r\nimg10.png,cat\r\n",
    "stems.csv": "id,breed\nimg1,cat\nimg2,dog\nimg10,cat\n",
    "endings.csv": "id,breed\nimg1.jpg,cat\nimg2.JPG,dog\nimg10.jpeg,cat\n",
    "quoted.csv": 'label,image_id\ncat,"img1.png"\ndog,"img2.png"\ncat,"img10.png"\n',
    "semicolons.csv": "file;label\nimg1.png;cat\nimg2.png;dog\nimg10.png;cat\n",
    "headless.csv": "img1.png,cat\nimg2.png,dog\nimg10.png,cat\n",
    "l.tsv": "path\tlabel\n00000/img1.png\tcat\n00000/img2.png\tdog\n00001/img10.png\tcat\n",
    "windows.tsv": "path\tlabel\n00000\\img1.png\tcat\n.\\00000\\img2.png\tdog\n00001\\img10.png\tcat\n",
    "words.txt": "img1.png cat\nimg2.png dog\nimg10.png cat\n",
    "dataset.json": json.dumps({"labels": [[name, label] for name, label in zip(NAMES, EXPECTED, strict=True)]}),
    "mapping.json": json.dumps(dict(zip(NAMES, EXPECTED, strict=True))),
    "objects.json": json.dumps([{"file_name": n, "label": c} for n, c in zip(NAMES, EXPECTED, strict=True)]),
    "metadata.jsonl": "\n".join(json.dumps({"label": c, "file_name": n}) for n, c in zip(NAMES, EXPECTED, strict=True)),
}


@pytest.mark.parametrize("source", FORMS)
def test_every_form_labels_files_by_path_or_name_with_or_without_ending(source):
    assert labels(FORMS[source], source) == EXPECTED


def test_a_column_is_chosen_by_name():
    text = "file,color,size\nimg1.png,red,big\nimg2.png,blue,big\nimg10.png,red,small\n"
    assert labels(text, "l.csv", "color") == ["red", "blue", "red"]
    assert labels(text, "l.csv", "size") == ["big", "big", "small"]
    with pytest.raises(UserError, match="name the column with labels, as FILE:COLUMN; there are file, color, size"):
        labels(text, "l.csv")
    with pytest.raises(UserError, match="no column 'age', only file, color, size"):
        labels(text, "l.csv", "age")


def test_files_without_a_label_stay_without_one():
    assert labels("file,label\nimg2.png,dog\nimg10.png,\nother.png,x\n", "l.csv") == [None, "dog", None]


def test_numbers_are_classes_in_their_order():
    text = json.dumps({"labels": [[NAMES[0], 10], [NAMES[1], 9], [NAMES[2], 10.0]]})
    found = read_label_file(text.encode(), "dataset.json", None, NAMES)
    assert found.names == ("9", "10")
    assert found.labels == [1, 0, 1]


def test_the_longest_path_decides_between_files_of_one_name():
    text = "file,label\na/1.png,x\nb/1.png,y\n"
    assert labels(text, "l.csv", names=["top/a/1.png", "top/b/1.png"]) == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "source", "problem"),
    [
        ("", "l.csv", "labels none of the 3 images"),
        ("file,label\nimg1.png\n", "l.csv", "line 2 has 1 column instead of 2"),
        ("just words here\n", "l.txt", "labels none|no comma"),
        ("{", "l.json", "can't be read as a table"),
        ("[" * 100_000, "l.json", "can't be read as a table"),
        ('{"labels": null}', "dataset.json", "can't be read as a table|labels none"),
        ('{"labels": [["img1.png"]]}', "dataset.json", "not pairs"),
        ('{"labels": [["img1.png", {"a": 1}]]}', "dataset.json", "neither a name nor a number"),
        ("file,label\nx.png,cat\n", "l.csv", "labels none of the 3 images"),
        ("file,label\nimg1.png,a/b\n", "l.csv", "has a slash"),
        ('"file,label\nimg1.png,a', "l.csv", "can't be read as a table|labels none"),
    ],
)
def test_a_table_that_is_no_table_is_refused(text, source, problem):
    with pytest.raises(UserError, match=problem):
        labels(text, source)


def test_text_that_is_not_utf_8_is_refused():
    with pytest.raises(UserError, match="can't be read as a table"):
        read_label_file(b"file,label\nimg1.png,caf\xe9\n", "l.csv", None, NAMES)


@pytest.mark.parametrize("table", [",,\n,,\n", "\t\n", "\n,\n"])
def test_a_table_of_empty_lines_is_refused_in_words(table):
    with pytest.raises(UserError, match=r"labels\.csv can't be read as a table of labels"):
        read_label_file(table.encode(), "labels.csv", None, ["a.png"])


def test_nan_and_blanks_in_json_are_no_labels():
    table = b'{"a.png": NaN, "b.png": "  ", "c.png": 2.0, "d.png": true}'
    labels = read_label_file(table, "labels.json", None, ["a.png", "b.png", "c.png", "d.png"])
    assert (labels.labels, labels.names) == ([-1, -1, 0, 1], ("2", "True"))
