-- For a database that went back to an earlier state: by the promotion of a standby that was behind,
-- or from a back-up. Run by a superuser in database "messaging", before clients read it.

-- Entity tags are sums of counts. Counts that go back and on could meet an old sum with other content, so
-- this one leaps: further than any history could have counted.
DO $$
BEGIN
    IF to_regclass('identity.directory_revision') IS NOT NULL THEN
        UPDATE identity.directory_revision SET revision = revision + 4294967296;
    END IF;
END
$$;
