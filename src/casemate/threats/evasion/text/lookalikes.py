"""Characters that look like ASCII letters, beyond the table that all of casemate uses.

Written from the Unicode charts: small capitals, Coptic, Lisu, Cherokee, Canadian syllabics, Deseret, Old Italic,
Carian, Lycian, Osage, Warang Citi, digits that are circles, and signs. Case follows the shape, not the alphabet.
"""

from __future__ import annotations

import functools

_LIKE = {
    "a": "⍺ᴀꭺ",
    "b": "ƄᏏᑲᖯʙ",
    "c": "ᴄⲥꮯ𐐽",
    "d": "ᏧᑯꓒᴅƋ",
    "e": "℮ꬲᴇꭼ",
    "f": "ꬵꞙẝքꜰ",
    "g": "ᶃƍɢꮐ",
    "h": "Ꮒʜꮋ",
    "i": "⍳ɪꭵᎥ𑣃ι",
    "j": "ᴊ",
    "k": "ᴋⲕꮶ",
    "l": "∣⏽│۱𐌠ƖⲒⵏᛁꓲ𖼨𐊊𐌉ʟꙇ",
    "m": "ᴍꮇ",
    "n": "ռɴη",
    "o": "ంಂംං०੦૦௦౦೦൦๐໐၀۵ᴏᴑꬽσⲟჿഠဝ𐓪𑣈𑣗𐐬০୦〇𑓐𑣠ⵔଠ",
    "p": "⍴ⲣᴘ",
    "q": "զ",
    "r": "ꭇꭈⲅꮁʀ",
    "s": "ƽꮪ𑣁𐑈",
    "t": "ᴛꭲ",
    "u": "ꞟᴜꭎꭒ𐓶𑣘",
    "v": "∨⋁ꮩ𑣀",
    "w": "ᴡաꮃ𑜊𑜎𑜏",
    "x": "᙮×⤫⤬⨯ᕁᕽ",
    "y": "ɣᶌʏỿꭚყ𑣜",
    "z": "ꮓ𑣄",
    "A": "ᗅꓮ𖽀𐊠",
    "B": "Ꞵᗷꓐ𐊂𐊡𐌁",
    "C": "🝌𑣲𑣩Ⲥꓚ𐊢𐌂𐐕𐔜",
    "D": "ᗞᗪꓓ",
    "E": "⋿ⴹꓰ𑢦𑢮𐊆",
    "F": "𝈓Ꞙᖴꓝ𑣂𑢢𐊇𐊥𐔥",
    "G": "Ᏻꓖ",
    "H": "Ⲏᕼꓧ𐋏",
    "J": "ꞲͿᒍꓙ",
    "K": "Ⲕᛕꓗ𐔘",
    "L": "𝈪Ⳑᒪꓡ𖼖𑢣𑢲𐐛𐔦",
    "M": "ϺⲘᗰᛖꓟ𐊰𐌑",
    "N": "Ⲛꓠ𐔓",
    "O": "Ⲟ𐓂ꓳ𑢵𐊒𐊫𐐄𐔖",
    "P": "Ⲣᑭꓑ𐊕",
    "Q": "ⵕ",
    "R": "𝈖ƦᏒ𐒴ᖇꓣ𖼵",
    "S": "Ꮥꓢ𖼺𐊖𐐠",
    "T": "⊤⟙🝨Ⲧꓔ𖼊𑢼𐊗𐊱𐌕",
    "U": "∪⋃ሀ𐓎ꓴ𖽂𑢸",
    "V": "𝈍۷ⴸᐯꛟꓦ𖼈𑢠𐔝",
    "W": "𑣯𑣦Ꮤꓪ",
    "X": "᙭╳𐌢𑣬ꞳⲬⵝᚷꓫ𐊐𐊴𐌗𐔧",
    "Y": "ⲨᎩᎽꓬ𖽃𑢤𐊲",
    "Z": "𐋵𑣥ꓜ𑢩",
}


@functools.cache
def lookalikes() -> dict[str, str]:
    """The ASCII letter for each character of the table."""
    return {letter: plain for plain, letters in _LIKE.items() for letter in letters}


def lookalike(letter: str) -> str:
    """The ASCII letter that a character looks like, or "".

    Example:
        >>> lookalike("\u1d00"), lookalike("a")
        ('a', '')
    """
    return lookalikes().get(letter, "")
