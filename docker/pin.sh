#!/bin/sh
# Print compose.yaml with each image pinned by the digest that its tag has now: sh docker/pin.sh >docker/compose.pinned.yaml
# Needs Docker with buildx and the registries. A tag may be moved to another image; a digest names one for good.
set -eu
cd "$(dirname "$0")"
while IFS= read -r line; do
    case $line in
        *"image: anyword:"*) echo "$line" ;;  # built here
        *"image: "*)
            image=${line##*image: }
            digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
            echo "$line@$digest"
            ;;
        *) echo "$line" ;;
    esac
done <compose.yaml
