"""All stages on captions, for the recipe."""

from pipelines.filters.captions.edit_stage import EditCaptions, SpecialTag
from pipelines.filters.captions.language import Language
from pipelines.filters.captions.length import CaptionCharacters, CaptionWords, HanCharacters
from pipelines.filters.captions.listed import Boilerplate, Political, Profanity, WordList
from pipelines.filters.captions.longest import LongestCaption
from pipelines.filters.captions.noun import NeedsNoun
from pipelines.filters.captions.patterns import EmailInCaption, EmojiInCaption, FileName, OtherScript, UrlInCaption
from pipelines.filters.captions.repetition import CharacterRepetition, WordRepetition
from pipelines.filters.captions.shares import AlphanumericShare, DigitShare, SpecialShare, UppercaseShare

CaptionStage = (
    CaptionCharacters
    | CaptionWords
    | HanCharacters
    | AlphanumericShare
    | SpecialShare
    | DigitShare
    | UppercaseShare
    | CharacterRepetition
    | WordRepetition
    | UrlInCaption
    | EmailInCaption
    | FileName
    | EmojiInCaption
    | OtherScript
    | NeedsNoun
    | LongestCaption
    | WordList
    | Profanity
    | Boilerplate
    | Political
    | Language
    | EditCaptions
    | SpecialTag
)
