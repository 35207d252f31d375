# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the tls-*.sh scripts share, beside lib.sh: certificates of every kind
# and our peer program (tests/tls/peer.c).

PEER=$(dirname "$RECV")/../tests/tls/peer
[ -x "$PEER" ] || skip "tests/tls/peer is not built"

# key KIND FILE
key()
{
    local -A kinds=(
        [rsa2048]='RSA -pkeyopt rsa_keygen_bits:2048'
        [rsa3072]='RSA -pkeyopt rsa_keygen_bits:3072'
        [p256]='EC -pkeyopt ec_paramgen_curve:P-256'
        [p384]='EC -pkeyopt ec_paramgen_curve:P-384'
        [ed25519]=ED25519
    )

    # shellcheck disable=SC2086
    openssl genpkey -out "$2" -algorithm ${kinds[$1]} 2>/dev/null
}

# authority DIR: a CA, whose key stays.
authority()
{
    mkdir -p "$1"
    key p256 "$1/ca-key.pem"
    printf 'cn = "CA %s"\nca\ncert_signing_key\ncrl_signing_key\n' \
        "$1" >ca.t
    echo 'expiration_days = 30' >>ca.t
    certtool --generate-self-signed --load-privkey "$1/ca-key.pem" \
        --template ca.t --outfile "$1/ca-cert.pem" 2>/dev/null
}

# certificate CA-DIR DIR server|client KIND [TEMPLATE-LINES]
certificate()
{
    local days='expiration_days = 30'

    mkdir -p "$2"
    [ -e "$2/ca-cert.pem" ] || cp "$1/ca-cert.pem" "$2/"
    key "$4" "$2/$3-key.pem"
    case ${5:-} in
    *activation_date*) days= ;;
    esac
    {
        [ "$3" = client ] || printf 'dns_name = "localhost"\n'
        [ "$3" = client ] || printf 'ip_address = "127.0.0.1"\n'
        printf 'cn = "%s %s"\ntls_www_%s\nsigning_key\n%s\n%s\n' \
            "$3" "$4" "$3" "$days" "${5:-}"
        case $4 in rsa*) echo encryption_key ;; esac
    } >leaf.t
    certtool --generate-certificate --template leaf.t \
        --load-privkey "$2/$3-key.pem" \
        --load-ca-certificate "$1/ca-cert.pem" \
        --load-ca-privkey "$1/ca-key.pem" --outfile "$2/$3-cert.pem" \
        2>/dev/null
}

# revoke CA-DIR CERTIFICATE OUT
revoke()
{
    printf 'crl_next_update = 30\ncrl_number = 1\n' >crl.t
    certtool --generate-crl --template crl.t --load-certificate "$2" \
        --load-ca-certificate "$1/ca-cert.pem" \
        --load-ca-privkey "$1/ca-key.pem" --outfile "$3" 2>/dev/null
}

# serve DIR [PROPERTIES [KIND]]: our echo server, on $port, its words in
# serve.out.
serve()
{
    run serve "$PEER" --object \
        "tls-creds-${3:-x509},id=s,endpoint=server,dir=$1${2:-}" \
        serve tcp:127.0.0.1:0,tls-creds=s
    listens serve
    port=${uri##*:}
}

# ask DIR FILE [PROPERTIES [KIND [MODE]]]: ours asks the server at $port; rc,
# ask.out, ask.log.
ask()
{
    run_with "$2" ask "$PEER" --object \
        "tls-creds-${4:-x509},id=c,endpoint=client,dir=$1${3:-}" \
        "${5:-ask}" "tcp:127.0.0.1:$port,tls-creds=c${name:+,tls-hostname=$name}"
    ended ask 15
}

# theirs COMMAND WITH {port}...: on $port.
theirs()
{
    port=$(free_port)
    run theirs "${@//\{port\}/$port}"
    listening "$port"
}

# run_with INPUT NAME COMMAND...: as run, with a standard input.
run_with()
{
    local from=$1 name=$2

    shift 2
    : >"$name.log"
    : >"$name.out"
    "$@" <"$from" >"$name.out" 2>"$name.log" &
    printf -v "${name}_pid" %s $!
    pids+=($!)
}

down()
{
    local pid=${1}_pid

    kill "${!pid}" 2>/dev/null
    wait "${!pid}" 2>/dev/null
}

# said FILE REGEX: wait until it did.
said()
{
    local i

    for ((i = 0; i < 200; i++)); do
        ! grep -qE "$2" "$1" 2>/dev/null || return 0
        nap 0.02
    done
    return 1
}
