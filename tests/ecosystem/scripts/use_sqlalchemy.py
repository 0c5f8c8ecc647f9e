# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["sqlalchemy"]
# ///
from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


engine = create_engine("sqlite:////tmp/books.db")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Author(name="A", books=[Book(title="x"), Book(title="y")]))
    session.add(Author(name="B", books=[Book(title="z")]))
    session.commit()
    print(session.execute(select(Author.name, func.count(Book.id)).join(Book).group_by(Author.name)).all())
    print([book.author.name for book in session.scalars(select(Book).order_by(Book.title.desc()))])
print(select(Book).where(Book.title.like("x%")))
