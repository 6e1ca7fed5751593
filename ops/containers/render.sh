# shellcheck shell=sh
# Sourced by what starts a server in a container.
# render FILE: prints a template with the environment's values put in for ${NAME}; a name without a
# value is an error. It does what local_stack/templates.py does, and a test compares them.
render() {
    awk '{
        line = ""
        while (match($0, /[$][{][A-Z][A-Z0-9_]*[}]/)) {
            name = substr($0, RSTART + 2, RLENGTH - 3)
            if (!(name in ENVIRON)) {
                print FILENAME ": " name " has no value" > "/dev/stderr"
                exit 1
            }
            line = line substr($0, 1, RSTART - 1) ENVIRON[name]
            $0 = substr($0, RSTART + RLENGTH)
        }
        print line $0
    }' "$1"
}
