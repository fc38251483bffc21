#!/usr/bin/env bash
# Makes the speech the tests hear: synthetic, so it is nobody's voice and free to commit.
# Needs espeak-ng and sox. Other versions of either give other samples: commit what it makes.
set -euo pipefail
cd "$(dirname "$0")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { # VOICE FILE TEXT
    espeak-ng -v "$1" -s 150 -w "$work/$2.wav" "$3"
}

say en-us+m3 male "When does the next train leave?"
say en-us+f3 female "The children play outside."
say en-us+f3 again "Tell them to come inside."
say en-us+m3 left "Good morning."
say en-us+f3 right "Good evening."

# -R: the same dither each time.
to_16k() { sox -R "$work/$1.wav" -r 16000 -b 16 -c 1 "$2" norm -6 pad 0.2 0.6; }
to_16k male male_16k.wav
to_16k female female_16k.wav

# The speech is trimmed of espeak's own silence first, so that the pause is 1.5 s.
for part in male again; do
    sox -R "$work/$part.wav" -r 16000 -b 16 -c 1 "$work/${part}_cut.wav" norm -6 \
        silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse
done
sox -R -n -r 16000 -b 16 -c 1 "$work/pause.wav" trim 0 1.5
sox -R "$work/male_cut.wav" "$work/pause.wav" "$work/again_cut.wav" two_utterances_16k.wav pad 0.2 0.6

# Left a man, right a woman, as a two-party call is recorded.
sox -R -M "$work/left.wav" "$work/right.wav" -r 48000 -b 24 stereo_48k_24bit.wav norm -6 \
    trim 0 0.8
