"""The lexer and the parser by themselves: words, offsets, and the syntax that PL/SQL adds."""

from __future__ import annotations

import pytest

from app.localdb.errors import OracleError
from app.localdb.sql import nodes as n
from app.localdb.sql.lexer import T, tokenize
from app.localdb.sql.parser import Parser


def words(text: str) -> list[tuple[T, str]]:
    return [(token.kind, token.value) for token in tokenize(text)[:-1]]


def test_names_are_upper_case_unless_quoted() -> None:
    assert words('a_b$c# "Mixed"') == [(T.IDENT, "A_B$C#"), (T.QUOTED, "Mixed")]


def test_texts() -> None:
    assert words("'it''s' q'[it's]' q'!a'b!' n'x' nq'{y}' ''") == [
        (T.STRING, "it's"),
        (T.STRING, "it's"),
        (T.STRING, "a'b"),
        (T.NSTRING, "x"),
        (T.NSTRING, "y"),
        (T.STRING, ""),
    ]


def test_numbers_and_ranges() -> None:
    assert words("1..5 1.5e-3 .5 2d 1.") == [
        (T.NUMBER, "1"),
        (T.OP, ".."),
        (T.NUMBER, "5"),
        (T.NUMBER, "1.5e-3"),
        (T.NUMBER, ".5"),
        (T.NUMBER, "2d"),
        (T.NUMBER, "1."),
    ]


def test_comments_and_hints_are_skipped() -> None:
    assert words("a -- b\n/*+ c */ d") == [(T.IDENT, "A"), (T.IDENT, "D")]


def test_binds() -> None:
    assert words(':a : b :1 :"Quoted" x:=1') == [
        (T.BIND, "A"),
        (T.BIND, "B"),
        (T.BIND, "1"),
        (T.BIND, "Quoted"),
        (T.IDENT, "X"),
        (T.OP, ":="),
        (T.NUMBER, "1"),
    ]


def test_offsets_point_into_the_text() -> None:
    text = "select  'x' /* c */ from dual"
    assert [text[token.offset : token.end] for token in tokenize(text)[:-1]] == [
        "select",
        "'x'",
        "from",
        "dual",
    ]


@pytest.mark.parametrize(
    ("text", "number", "offset"),
    [
        ("a 'b", 1756, 2),
        ('a "b', 1740, 2),
        ('a ""', 1741, 2),
        ("a /* b", 1742, 2),
        ("a \u20ac", 911, 2),
        ("q'[x", 1756, 0),
    ],
)
def test_bad_words(text: str, number: int, offset: int) -> None:
    with pytest.raises(OracleError) as caught:
        tokenize(text)
    assert (caught.value.code, caught.value.offset) == (number, offset)


def expression(text: str, *, plsql: bool = True) -> n.Expr:
    parser = Parser(text, plsql=plsql)
    found = parser.expression()
    assert parser.token.kind is T.EOF
    return found


def test_precedence() -> None:
    found = expression("a = 1 or not b + 2 * 3 || 'x' > c and d is null")
    assert isinstance(found, n.Binary)
    assert found.op == "OR"
    right = found.right
    assert isinstance(right, n.Binary)
    assert right.op == "AND"
    negated = right.left
    assert isinstance(negated, n.Unary)
    comparison = negated.operand
    assert isinstance(comparison, n.Compare)
    concatenated = comparison.left
    assert isinstance(concatenated, n.Binary)
    assert concatenated.op == "||"


def test_postfix_of_plsql() -> None:
    found = expression("pkg.list(i).part(j => 2)")
    assert isinstance(found, n.Call)
    assert found.args[0].name == "J"
    assert isinstance(found.target, n.Field)
    assert found.target.name == "PART"
    inner = found.target.target
    assert isinstance(inner, n.Call)
    assert isinstance(inner.target, n.Name)
    assert inner.target.parts == ("PKG", "LIST")


def test_attributes_and_correlation_names_of_plsql() -> None:
    attribute = expression("sql%rowcount")
    assert isinstance(attribute, n.Attribute)
    assert attribute.name == "ROWCOUNT"
    new = expression(":new.total")
    assert isinstance(new, n.Name)
    assert new.parts == (":NEW", "TOTAL")


def test_a_slice_of_tokens_needs_no_end() -> None:
    text = "begin x := a + 1; end;"
    tokens = tokenize(text)
    found = Parser(tokens[3:6], text=text, plsql=True).expression()
    assert isinstance(found, n.Binary)
    assert found.offset == text.index("+")


def test_the_parser_goes_on_where_its_caller_puts_it() -> None:
    text = "if a > 1 then"
    parser = Parser(tokenize(text), text=text, plsql=True)
    parser.pos = 1
    parser.expression()
    assert parser.token.word == "THEN"


def test_binds_are_counted_by_occurrence() -> None:
    parser = Parser("select :a, :b from t where x = :a")
    parser.query()
    assert parser.binds == ["A", "B", "A"]
