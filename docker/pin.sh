#!/bin/sh
# Pin the images of compose.yaml and the Dockerfiles by the digests that their tags have now: sh docker/pin.sh
# Needs Docker with buildx and the registries. A tag can move to another image, a digest cannot. Commit what it changes;
# run it again to follow the tags.
set -eu
cd "$(dirname "$0")"

pinned() { # print a file with digests
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            "FROM "*) image=${line#FROM } ;;
            *" image: "*) image=${line##* image: } ;;
            *) image= ;;
        esac
        image=${image%% *}
        tag=${image%@*}
        case $tag in
            anyword:*) ;; # built here
            *:*)
                digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}' </dev/null) || return 1
                line="${line%%"$image"*}$tag@$digest${line#*"$image"}"
                ;;
        esac
        printf '%s\n' "$line"
    done <"$1"
}

files="compose.yaml Dockerfile label-studio-ml/Dockerfile"
for file in $files; do # all or none
    pinned "$file" >"$file.pinned" || {
        rm -f ./*.pinned ./*/*.pinned
        exit 1
    }
done
for file in $files; do
    mv "$file.pinned" "$file"
done
