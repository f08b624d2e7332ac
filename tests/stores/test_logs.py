"""Positions, histories and failovers as each kind of server tells them: pure functions, without a server."""

from __future__ import annotations

import pytest

from weaverlab.antipode import Dependency
from weaverlab.errors import StoreError
from weaverlab.stores import mariadb, mysql, postgres, redis


def write(scope: str, version: int) -> Dependency:
    return Dependency("posts", scope, version)


class TestRedis:
    promoted = redis.RedisLog("new", 150, history_before="old", offset_before=101)

    def test_an_offset_counts_in_its_own_history(self):
        assert self.promoted.position(write("new", 120)) == 150
        assert self.promoted.position(write("other", 120)) is None

    def test_a_promoted_server_has_what_came_before_its_promotion_and_no_more(self):
        assert self.promoted.current(write("old", 100)) == write("new", 100)
        assert self.promoted.current(write("old", 101)) is None
        assert self.promoted.current(write("new", 151)) is None  # from a time before it lost its data

    def test_tables_with_colons_share_no_names(self):
        assert redis.name_of("a:b", "c") != redis.name_of("a", "b:c")
        assert redis.name_of("a%3Ab", "c") != redis.name_of("a:b", "c")

    def test_what_a_replica_says_is_its_own_offset(self):
        said = b"role:slave\r\nmaster_replid:0123456789abcdef\r\nmaster_replid2:0\r\nsecond_repl_offset:-1\r\n"
        info = redis.fields_of(said + b"master_repl_offset:9\r\nslave_repl_offset:7\r\n# a remark\r\n")

        assert redis.log_of(info) == redis.RedisLog("0123456789ab", 7, "0", -1)


class TestMariadb:
    follower = mariadb.MariadbLog({(0, 2): 105}, {})
    promoted = mariadb.MariadbLog({(0, 2): 105}, {(0, 1): 90, (0, 2): 105})

    def test_ids_are_read_from_a_list(self):
        assert mariadb.parse("0-1-17,\n5-2-3") == {(0, 1): 17, (5, 2): 3}
        assert mariadb.parse("") == {}

    def test_another_server_in_the_domain_is_another_history_until_the_primary_has_been_asked(self):
        assert self.follower.position(write("0-2", 100)) == 105
        assert self.follower.position(write("0-1", 90)) is None

    def test_a_promoted_server_knows_what_it_has_of_the_one_before(self):
        assert self.promoted.current(write("0-1", 90)) == write("0-2", 90)
        assert self.promoted.current(write("0-1", 91)) is None
        assert self.promoted.current(write("0-2", 106)) is None  # as after RESET MASTER

    def test_what_a_server_lost_is_known_until_it_writes_again_under_its_old_number(self):
        again, renumbered = ({**self.promoted.logged, (0, server): 120} for server in (1, 3))

        assert mariadb.MariadbLog({(0, 1): 120}, again).current(write("0-1", 91)) is not None  # see docs/stores.md
        assert mariadb.MariadbLog({(0, 3): 120}, renumbered).current(write("0-1", 91)) is None

    def test_the_newest_of_what_is_applied_and_what_is_logged_counts(self):
        assert mariadb.newest("0-1-17", "0-1-18") == "0-1-18"
        assert mariadb.newest("0-2-20,1-1-3", "0-1-18") == "0-2-20,1-1-3"
        assert mariadb.newest("", "") == ""

    def test_what_was_there_before_the_first_number_is_everywhere(self):
        empty = mariadb.MariadbLog({}, {})

        assert empty.position(write("0-1", 0)) == empty.position(write("0-1", 5)) == 0
        assert empty.current(write("0-1", 0)) is not None and empty.current(write("0-1", 5)) is None
        assert self.promoted.current(write("0-1", 0)) == write("0-2", 0)

    def test_a_scope_of_another_kind_of_store_is_of_no_server(self):
        assert self.promoted.current(write("4dfe86a09345.1", 5)) is None


class TestMysql:
    server = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    other = "11111111-2222-11e1-9e33-c80aa9429562"
    log = mysql.MysqlLog({server: [(1, 17), (19, 20)], other: [(5, 5)]})

    def test_ids_are_read_from_a_set(self):
        text = f"{self.server.upper()}:1-17:19-20,\n{self.other}:5"

        assert mysql.parse(text) == self.log.executed
        assert mysql.parse("") == {}
        assert mysql.parse(f"{self.server}:1-3:tag:9") == {self.server: [(1, 3), (9, 9)]}

    @pytest.mark.parametrize(("version", "position"), [(17, 17), (3, 17), (18, 17), (20, 20), (25, 20)])
    def test_a_gap_is_not_passed_over(self, version, position):
        assert self.log.position(write("3e11fa4771ca", version)) == position

    def test_a_server_that_is_not_in_the_set_is_another_history(self):
        assert self.log.position(write("aaaaaaaaaaaa", 1)) is None

    def test_a_primary_has_exactly_what_is_in_its_set(self):
        assert self.log.current(write("3e11fa4771ca", 19)) == write("3e11fa4771ca", 19)
        assert self.log.current(write("3e11fa4771ca", 18)) is None
        assert self.log.current(write("3e11fa4771ca", 21)) is None

    def test_the_id_of_ones_own_transaction_stands_in_the_answer_to_its_commit(self):
        gtid = f"{self.server}:23".encode()
        data = b"\x00" + bytes([len(gtid)]) + gtid  # the encoding, then a text
        schema = b"\x01\x04\x03lab"  # an entry of another type
        state = schema + b"\x03" + bytes([len(data)]) + data
        said = b"Rows matched: 1"

        assert mysql.own_id(bytes([len(said)]) + said + bytes([len(state)]) + state) == gtid.decode()

    @pytest.mark.parametrize("message", [b"", b"\x00", b"\x02ok", b"\x00\x05\x01\x03\x02ab", b"\x00\xfc\x00\x00"])
    def test_an_answer_without_one_says_so(self, message):
        assert mysql.own_id(message) == ""

    def test_lengths_of_two_bytes_are_read(self):
        long = b"x" * 300

        assert mysql._text(b"\xfc" + (300).to_bytes(2, "little") + long + b"rest", 0) == (long, 303)


class TestPostgres:
    SEGMENT = 16 * 1024 * 1024
    promoted = postgres.PostgresLog("a", 3, 500, {1: 100, 2: 300})

    def test_a_position_counts_on_its_own_timeline(self):
        assert self.promoted.position(write("a.3", 400)) == 500
        assert self.promoted.position(write("a.2", 200)) is None

    def test_a_promoted_server_has_older_timelines_up_to_where_they_were_left(self):
        assert self.promoted.current(write("a.1", 100)) == write("a.3", 100)
        assert self.promoted.current(write("a.1", 101)) is None
        assert self.promoted.current(write("a.4", 1)) is None
        assert self.promoted.current(write("b.3", 1)) is None
        assert self.promoted.current(write("a.3", 501)) is None

    def test_without_the_history_file_it_says_which_right_is_missing(self):
        unknown = self.promoted._replace(inherited=None)

        assert unknown.current(write("a.3", 400)) == write("a.3", 400)
        with pytest.raises(StoreError, match=r"GRANT EXECUTE ON FUNCTION pg_read_file\(text\)"):
            unknown.current(write("a.1", 100))

    def test_a_history_file_says_where_timelines_were_left(self):
        text = "1\t0/30001A0\tno recovery target specified\n\n# a remark\n2\t1/0\tat restore point\n"

        assert postgres.parse_history(text) == {1: 0x30001A0, 2: 2**32}

    @pytest.mark.parametrize(
        ("insert", "end"),
        [
            (8192 + 24, 8192),  # behind the header of a page: the last record filled the page before
            (8192 + 32, 8192 + 32),
            (8192 + 40, 8192 + 40),  # a record may end here, as the header has 24 bytes
            (SEGMENT + 40, SEGMENT),  # but at the start of a segment it has 40
            (2 * SEGMENT, 2 * SEGMENT),
        ],
    )
    def test_a_record_that_fills_its_page_ends_before_the_next_header(self, insert, end):
        assert postgres.end_of_record(insert, self.SEGMENT) == end
