"""Scripts are cut into statements as SQL*Plus cuts them."""

from __future__ import annotations

import pytest

from app.oracle.scripts import ScriptError, Statement, split, substitute
from app.oracle.sources import source_files


def texts(script: str) -> list[str]:
    return [statement.text for statement in split(script)]


def test_statements_end_with_a_semicolon_that_is_not_kept() -> None:
    assert texts("select 1 from dual;\nselect 2\n  from dual ;\n") == [
        "select 1 from dual",
        "select 2\n  from dual",
    ]


def test_semicolons_in_texts_names_and_comments_do_not_end_a_statement() -> None:
    script = """insert into t values ('a;b''c;') -- not here; nor here
       /* nor ; here */ where "x;y" = 1;
       select 1 from dual;"""
    assert len(split(script)) == 2
    assert texts(script)[1] == "select 1 from dual"


def test_a_unit_ends_with_a_slash_line_and_keeps_its_semicolons() -> None:
    script = "create or replace package body p is\n   x number := 4 / 2;\nend p;\n/\nselect 1 from dual;\n"
    assert texts(script) == [
        "create or replace package body p is\n   x number := 4 / 2;\nend p;",
        "select 1 from dual",
    ]


@pytest.mark.parametrize(
    "start", ["declare", "BEGIN", "create trigger t", "Create Or Replace Editionable Function f"]
)
def test_every_kind_of_unit_is_known(start: str) -> None:
    assert texts(f"{start}\n  null;\nend;\n  /  \n") == [f"{start}\n  null;\nend;"]


def test_a_table_whose_name_begins_like_a_unit_is_a_statement() -> None:
    assert texts("create table package_versions (n number);") == ["create table package_versions (n number)"]


def test_the_line_of_each_statement_is_known() -> None:
    script = "-- a comment\n\nselect 1 from dual;\n/* two\n   lines */ select 2 from dual;"
    assert split(script) == [Statement("select 1 from dual", 3), Statement("select 2 from dual", 5)]


def test_comments_alone_are_no_statement() -> None:
    assert split("-- nothing;\n/* nothing; */\n\n") == []


@pytest.mark.parametrize("script", ["select 1 from dual", "\n\nbegin\n  null;\nend;\n"])
def test_an_end_that_is_missing_is_said_with_its_line(script: str) -> None:
    line = 1 + len(script) - len(script.lstrip("\n"))
    with pytest.raises(ScriptError, match=f"starts in line {line} is not ended"):
        split(script)


def test_variables_are_replaced_as_sqlplus_does() -> None:
    assert (
        substitute("grant x to &app_user;\n&Owner..t", {"app_user": "A", "owner": "O"})
        == "grant x to A;\nO.t"
    )


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(ScriptError, match="&somebody"):
        substitute("grant x to &somebody;", {"app_user": "A"})


def test_every_file_of_the_project_can_be_read() -> None:
    files = [
        file
        for folder, suffix in (("schema", ".sql"), ("views", ".sql"), ("grants", ".sql"), ("packages", ".pk"))
        for file in source_files(folder, "" if suffix == ".pk" else suffix)
    ]
    assert len(files) >= 11
    for file in files:
        assert split(file.text), file.name


@pytest.mark.parametrize("folder", ["schema", "views"])
def test_every_table_and_view_and_each_of_their_columns_is_commented(folder: str) -> None:
    for file in source_files(folder):
        statements = texts(file.text)
        commented = {text.split()[3].lower() for text in statements if text.lower().startswith("comment on")}
        for text in statements:
            words = text.split()
            if words[:2] == ["create", "table"]:
                columns = [
                    line.strip(" ,").split()[0]
                    for line in text.splitlines()[1:]
                    if line.strip().lstrip(",").strip()
                    and not line.strip(" ,").startswith(("constraint", ")"))
                ]
                assert {words[2], *(f"{words[2]}.{column}" for column in columns)} <= commented, file.name
            if "view" in words[:5]:
                assert words[words.index("view") + 1] in commented, file.name
