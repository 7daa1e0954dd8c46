"""A plain twin of the API's reading routes: FastAPI, SQLAlchemy's ORM and Pydantic, put together the ordinary way.

It answers the same rows and columns, as a list of objects. It knows nothing of completeness, sources or units. The model of
`income`, with its many columns, is made from the names that the catalog has.
Served by `uvicorn --factory bench.twin:create_app`, with DATABASE_URL set.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Any, ClassVar

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, create_model
from sqlalchemy import Numeric, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from stock_assistant_pipelines.catalog import CATALOG

Figure = Annotated[float | None, mapped_column(Numeric(asdecimal=False))]


class Base(DeclarativeBase):
    """The tables."""


class Daily(Base):
    """A bar, as it is stored."""

    __tablename__ = "daily"

    ts_code: Mapped[str] = mapped_column(primary_key=True)
    trade_date: Mapped[date] = mapped_column(primary_key=True)
    open: Mapped[Figure]
    high: Mapped[Figure]
    low: Mapped[Figure]
    close: Mapped[Figure]
    pre_close: Mapped[Figure]
    change: Mapped[Figure]
    pct_chg: Mapped[Figure]
    vol: Mapped[Figure]
    amount: Mapped[Figure]


class Bar(BaseModel):
    """A bar, as it is answered."""

    model_config = ConfigDict(from_attributes=True)

    ts_code: str
    trade_date: date
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    pre_close: float | None
    change: float | None
    pct_chg: float | None
    vol: float | None
    amount: float | None


KINDS = {"text": str, "date": date, "number": float, "integer": int}
FIELDS: dict[str, Any] = {column.name: KINDS[column.type] | None for column in CATALOG["income"].columns}


def _mapped(name: str) -> Any:
    kind = mapped_column(Numeric(asdecimal=False)) if FIELDS[name] == float | None else mapped_column()
    return Mapped[Annotated[FIELDS[name], kind]]


class Income(Base):
    """A statement, as it is stored."""

    __tablename__ = "income"
    __annotations__ = {name: _mapped(name) for name in FIELDS}
    __mapper_args__: ClassVar = {"primary_key": ["ts_code", "end_date", "report_type"]}


Statement = create_model(
    "Statement", __config__=ConfigDict(from_attributes=True), **{name: (kind, None) for name, kind in FIELDS.items()}
)

AS_OF = text("select * from income_as_of(:day) where ts_code = :code order by end_date")


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with request.app.state.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(session)]


def create_app() -> FastAPI:
    """The application."""
    url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, pool_size=8, max_overflow=0, pool_pre_ping=True)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(title="Twin", lifespan=lifespan)
    app.state.sessions = async_sessionmaker(engine)

    @app.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/stocks/{ts_code}/daily", response_model=list[Bar])
    async def read_bars(
        ts_code: str, session: Session, start: date | None = None, end: date | None = None
    ) -> list[Daily]:
        query = select(Daily).where(Daily.ts_code == ts_code).order_by(Daily.trade_date)
        if start:
            query = query.where(Daily.trade_date >= start)
        if end:
            query = query.where(Daily.trade_date <= end)
        bars = list(await session.scalars(query))
        if not bars:
            raise HTTPException(404)
        return bars

    @app.get("/stocks/{ts_code}/income", response_model=list[Statement])
    async def read_income(ts_code: str, as_of: date, session: Session) -> list[Income]:
        query = select(Income).from_statement(AS_OF.bindparams(code=ts_code, day=as_of))
        return list(await session.scalars(query))

    @app.get("/daily", response_model=list[Bar])
    async def read_market_day(trade_date: date, session: Session) -> list[Daily]:
        query = select(Daily).where(Daily.trade_date == trade_date).order_by(Daily.ts_code)
        bars = list(await session.scalars(query))
        if not bars:
            raise HTTPException(404)
        return bars

    return app
